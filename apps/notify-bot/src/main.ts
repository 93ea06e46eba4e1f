#!/usr/bin/env node
import { readFileSync } from "node:fs"
import { runCommandLine, stopSignal } from "@aurochs/cli-kit"
import { archiveCommands } from "./archive-commands.ts"
import { loadConfig, loadStoreConfig } from "./config.ts"
import { contactCommands } from "./contact-commands.ts"
import { keyCommands } from "./key-commands.ts"
import { configFile, configOptions } from "./options.ts"
import { queueCommands } from "./queue-commands.ts"
import { serve } from "./serve.ts"
import { migrateStores } from "./stores.ts"

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }

await runCommandLine({
  name: "aurochs-notify",
  version,
  argv: process.argv.slice(2),
  define: (program) =>
    [queueCommands, archiveCommands, contactCommands, keyCommands]
      .reduce(
        (y, add) => add(y),
        configOptions(program.usage("$0 COMMAND --config FILE: alerts as encrypted XMPP messages")),
      )
      .command(
        "serve",
        "Take notifications at the webhook and send them, until interrupted",
        (y) => y,
        async (options) => serve(await loadConfig(configFile(options), process.env), stopSignal()),
      )
      .command(
        "migrate",
        "Bring the database to the version this program needs",
        (y) => y,
        async (options) => {
          const { storage } = await loadStoreConfig(configFile(options), process.env)
          const applied = await migrateStores(storage)
          process.stdout.write(applied.length === 0 ? "nothing to do\n" : `applied: ${applied.join(", ")}\n`)
        },
      )
      .example("$0 serve --config notify.yaml", "run the service")
      .example("$0 archive search --config notify.yaml --since 2026-11-01 disk", "find an alert")
      .example("$0 queue list --config notify.yaml", "what waits, and why"),
})
