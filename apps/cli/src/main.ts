#!/usr/bin/env node
import { readFileSync } from "node:fs"
import { runCommandLine } from "@aurochs/cli-kit"
import { backendsCommand } from "./backends.ts"
import { contactCommands } from "./contact.ts"
import { globalOptions } from "./global.ts"
import { keyCommands } from "./key.ts"
import { listenCommand } from "./listen.ts"
import { openCommand } from "./open.ts"
import { sealCommand } from "./seal.ts"
import { sendCommand } from "./send.ts"

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }

await runCommandLine({
  name: "aurochs",
  version,
  argv: process.argv.slice(2),
  define: (program) =>
    [keyCommands, contactCommands, sealCommand, openCommand, sendCommand, listenCommand, backendsCommand]
      .reduce((y, add) => add(y), globalOptions(program.usage("$0 COMMAND: encrypted chat over XMPP with OpenPGP")))
      .example("$0 key generate --jid me@example.org", "make a key")
      .example("$0 send you@example.org --body hello", "send an encrypted message"),
})
