import { stopSignal } from "@aurochs/cli-kit"
import type { Incoming } from "@aurochs/message"
import type { Argv } from "yargs"
import {
  type GlobalOptions,
  type NetworkOptions,
  type PassphraseOptions,
  passphraseOptions,
  passwordOptions,
} from "./global.ts"
import { connect } from "./online.ts"
import { print, remark } from "./output.ts"
import { storedProtection } from "./own-keys.ts"
import { accountFor, openWorld } from "./world.ts"

/** `aurochs listen` */
export function listenCommand(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command(
    "listen",
    "Print what arrives, verified, until interrupted",
    (y) =>
      passwordOptions(passphraseOptions(y))
        .option("trust-messages", {
          type: "boolean",
          default: false,
          describe: "Believe what your other clients, and contacts you verified, say of keys (XEP-0434, XEP-0450)",
        })
        .example("$0 listen --json", "one JSON object for each message"),
    (options) => listen(options),
  )
}

async function listen(
  options: NetworkOptions & PassphraseOptions & { readonly trustMessages: boolean },
): Promise<void> {
  const signal = stopSignal()
  // Only this command needs it: the others start faster without.
  const { createBot } = await import("@aurochs/bot")
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  const protect = await storedProtection(world, account, options)
  await using transport = await connect(world, account, options, "retry")
  const { storage, provider, clock, random } = world
  const bot = createBot({
    transport,
    provider,
    storage,
    clock,
    random,
    ownKey: "require",
    trustMessages: options.trustMessages,
    dispose: false,
    passphrase: () => protect,
    log: {
      debug: () => {},
      info: (message) => remark(message),
      warn: (message) => remark(message),
      error: (message) => remark(message),
    },
  })
  const show = (message: Incoming) => print(options.json, shown(message), line(message))
  bot.observe("secure", (ctx) => show(ctx.message))
  bot.observe("unverified", (ctx) => show(ctx.message))
  bot.observe("rejected", (ctx) => show(ctx.message))
  bot.observe("plaintext", (ctx) => show(ctx.message))
  await bot.run({ signal })
}

function shown(message: Incoming) {
  const { kind, peer, stanzaId, notes } = message
  const common = { kind, peer, stanzaId, notes }
  switch (message.kind) {
    case "secure":
      return {
        ...common,
        body: message.body,
        signedBy: message.signedBy,
        writtenAt: message.writtenAt,
        trust: message.trust,
      }
    case "unverified":
      return { ...common, reason: message.reason }
    case "rejected":
      return { ...common, check: message.check }
    case "plaintext":
      return { ...common, body: message.body }
  }
}

function line(message: Incoming): string {
  switch (message.kind) {
    case "secure":
      return `${message.writtenAt.toISOString()} ${message.peer} [${message.trust.level}]: ${message.body ?? "(no text)"}`
    case "unverified":
      return `! ${message.peer}: a message that cannot be verified (${message.reason})`
    case "rejected":
      return `! ${message.peer}: rejected (${message.check})`
    case "plaintext":
      return `! ${message.peer}, not encrypted: ${message.body}`
  }
}
