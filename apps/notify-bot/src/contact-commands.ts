import { UsageError } from "@aurochs/cli-kit"
import {
  type BareJid,
  bareJid,
  type Fingerprint,
  fingerprint,
  formatFingerprint,
  isAurochsError,
  type KnownKey,
  systemClock,
} from "@aurochs/core"
import { decideKey, type JudgedKey, judgeKeys } from "@aurochs/keys"
import type { Argv } from "yargs"
import { loadStoreConfig } from "./config.ts"
import { type ConfigOptions, configFile } from "./options.ts"
import { standardOutput } from "./output.ts"
import { openOwnWorld } from "./own-keys.ts"
import { openStores } from "./stores.ts"
import { trustFor } from "./trust-for.ts"

interface TrustOptions extends ConfigOptions {
  readonly jid: string
  readonly fingerprint: string
}

/** `aurochs-notify contact …` */
export function contactCommands(program: Argv<ConfigOptions>): Argv<ConfigOptions> {
  return program.command("contact", "Keys of those who get notifications", (contact) =>
    contact
      .command(
        "list [jid]",
        "Known keys, and whether notifications are encrypted to them",
        (y) => y.positional("jid", { type: "string", describe: "Bare JID" }),
        (options) => list(options),
      )
      .command(
        "trust <jid> <fingerprint>",
        "Approve a key whose fingerprint you compared with its owner; what waits for it goes on",
        (y) => key(y).option("undo", { type: "boolean", default: false, describe: "Take back what was said of it" }),
        (options) => decide(options, options.undo ? "none" : "verified"),
      )
      .command(
        "distrust <jid> <fingerprint>",
        "Never use this key",
        (y) => key(y),
        (options) => decide(options, "distrusted"),
      )
      .demandCommand(1, "Say what to do with contacts: list, trust or distrust."),
  )
}

function key<T>(program: Argv<T>) {
  return program
    .positional("jid", { type: "string", demandOption: true, describe: "Bare JID" })
    .positional("fingerprint", { type: "string", demandOption: true, describe: "40 or 64 hex digits, spaces are fine" })
}

async function list(options: ConfigOptions & { jid?: string | undefined }): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  const { provider, contacts } = await openOwnWorld(config, stores.storage)
  const owners = options.jid === undefined ? await Array.fromAsync(contacts.owners()) : [jidArgument(options.jid)]
  const now = systemClock().now()
  for (const owner of owners) {
    const known = await Array.fromAsync(contacts.keysOf(owner))
    for (const one of await judgeKeys({ owner, known, provider, trust: trustFor(config)(owner), now })) {
      const line = options.json ? JSON.stringify(summary(owner, one)) : text(owner, one)
      if ((await output.line(line)) === "closed") return
    }
  }
}

async function decide(options: TrustOptions, approval: KnownKey["approval"]): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  const owner = jidArgument(options.jid)
  const print = fingerprintArgument(options.fingerprint)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  const { contacts } = await openOwnWorld(config, stores.storage)
  const { audit, outbox } = stores.storage
  const o = { account: config.jid, owner, fingerprint: print, approval, keys: contacts, audit, clock: systemClock() }
  try {
    await decideKey(o)
  } catch (error) {
    if (!isAurochsError(error, "NO_USABLE_KEY")) throw error
    throw new UsageError(`${error.message}; aurochs-notify contact list ${owner} shows the known ones.`)
  }
  // What could not be encrypted to anybody goes on.
  await outbox.wake(config.jid, { recipient: owner })
  const said = approval === "none" ? "undecided" : approval
  const line = { owner, fingerprint: print, approval }
  await output.line(options.json ? JSON.stringify(line) : `${owner} ${formatFingerprint(print)}: ${said}`)
}

function summary(
  owner: BareJid,
  { key: { fingerprint: print, approval, announced, firstSeen }, info, decision }: JudgedKey,
) {
  const { expiresAt, revokedAt } = info
  return { owner, fingerprint: print, approval, announced, firstSeen, expiresAt, revokedAt, decision }
}

function text(owner: BareJid, { key: { fingerprint: print, announced, firstSeen }, decision }: JudgedKey): string {
  const seen = `${announced ? "announced" : "not announced"}, first seen ${firstSeen.toISOString()}`
  return `${owner}\n  ${formatFingerprint(print)}\n  ${seen}\n  ${decision.use}: ${decision.level}, because ${decision.because}`
}

function jidArgument(jid: string): BareJid {
  try {
    return bareJid(jid)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) throw new UsageError(`${jid} is ${error.message}.`)
    throw error
  }
}

function fingerprintArgument(print: string): Fingerprint {
  try {
    return fingerprint(print)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA"))
      throw new UsageError(`${print} is no fingerprint: 40 or 64 hex digits are needed.`)
    throw error
  }
}
