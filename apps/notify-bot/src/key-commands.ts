import { UsageError } from "@aurochs/cli-kit"
import {
  cryptoRandom,
  type Fingerprint,
  fingerprint,
  formatFingerprint,
  isAurochsError,
  systemClock,
} from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import {
  type KeyStatus,
  keyStatus,
  type LifeOptions,
  type Published,
  pepDirectory,
  type RevocationReason,
  retireKey,
  revokeKey,
  revokeWithCertificate,
  rotateKey,
  sealAgain,
} from "@aurochs/keys"
import { xmpp } from "@aurochs/xmpp"
import type { Argv } from "yargs"
import { loadConfig, loadStoreConfig } from "./config.ts"
import { type ConfigOptions, configFile } from "./options.ts"
import { standardOutput } from "./output.ts"
import { openOwnWorld, passphraseOf } from "./own-keys.ts"
import { readRevocation, writeRevocation } from "./revocation-files.ts"
import { openUploads } from "./sources.ts"
import { openStores } from "./stores.ts"

const REASONS = ["superseded", "retired", "compromised"] as const
const DAY_MS = 86_400_000

/** `aurochs-notify key …`; the service may run meanwhile, and takes up what changed. */
export function keyCommands(program: Argv<ConfigOptions>): Argv<ConfigOptions> {
  const named = <T>(y: Argv<T>) => y.positional("fingerprint", { type: "string", demandOption: true })
  return program.command("key", "The bot's own key", (key) =>
    key
      .command(
        "status",
        "What is announced, what differs, and what to do",
        (y) => y,
        (options) => connected(options, status),
      )
      .command(
        "rotate",
        "Make a new key, signed by the old one, and announce it beside the old one",
        (y) =>
          y.option("overlap", { type: "number", default: 30, describe: "Days until the old one is retired by itself" }),
        (options) => connected(options, (life) => rotate(life, options.overlap)),
      )
      .command(
        "retire <fingerprint>",
        "Take a key out of the account's list; it stays here, for the archive",
        (y) => named(y),
        (options) => connected(options, (life) => retire(life, fingerprintArgument(options.fingerprint))),
      )
      .command(
        "revoke <fingerprint>",
        "Say for ever that a key is not to be used; it cannot be taken back",
        (y) =>
          named(y)
            .option("reason", {
              choices: REASONS,
              describe: "superseded and retired leave alone what it signed before; compromised does not",
            })
            .option("certificate", {
              type: "string",
              describe: "File with the revocation certificate of a key whose secret is lost, see key revocation",
            }),
        async (options) => {
          const how = await revocationHow(options)
          await connected(options, (life) => revoke(life, fingerprintArgument(options.fingerprint), how))
        },
      )
      .command(
        "revocation <fingerprint> <file>",
        "Write the revocation certificate that was made with a key to a file, to be kept apart from the key",
        (y) => named(y).positional("file", { type: "string", demandOption: true, describe: "Must not be there yet" }),
        (options) => takeRevocation(options),
      )
      .demandCommand(1, "Say what to do with the key: status, rotate, retire, revoke or revocation."),
  )
}

/** What a command found or did: as data, and as a text. */
type Done = readonly [data: object, text: string]

async function connected(options: ConfigOptions, work: (life: LifeOptions) => Promise<Done>): Promise<void> {
  const config = await loadConfig(configFile(options), process.env)
  const alsoTo = await openUploads(config.sources)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  const { secrets, state, audit } = stores.storage
  await using transport = xmpp({
    jid: config.jid,
    password: config.password,
    ...(config.service === undefined ? {} : { service: config.service }),
    // Not the service's: its place in the archive is its own.
    firstConnection: "fail",
  })
  for await (const _session of transport.sessions()) break
  const [provider, clock] = [openpgpjs(), systemClock()]
  const directory = pepDirectory({ transport, provider, clock })
  const passphrase = () => passphraseOf(config)
  const life = { account: config.jid, provider, secrets, state, audit, clock, directory, alsoTo, passphrase }
  const [data, text] = await work(life)
  // What is sealed to the own key is sealed to the one that is in use from now on; of a lost key nothing is here to do so.
  if ((await secrets.load(config.jid)).length > 0) {
    // The keys are those of its engine.
    const { keys: all, current, provider: engine } = await openOwnWorld(config, stores.storage)
    const own = { current, all }
    await sealAgain({ account: config.jid, state, provider: engine, own, clock, random: cryptoRandom() })
  }
  await output.line(options.json ? JSON.stringify(data) : text)
}

async function status(life: LifeOptions): Promise<Done> {
  const found = await keyStatus(life)
  return [found, statusText(found)]
}

function statusText({ keys, foreign, rotation, advice }: KeyStatus): string {
  const lines = keys.map((key) => {
    const where = key.presence.map(({ source, state }) => `${source}: ${state}`).join(", ")
    const use = key.current ? "in use" : (key.unusable ?? "usable")
    return `${formatFingerprint(key.fingerprint)}  ${use}; ${where}`
  })
  for (const print of foreign) lines.push(`${formatFingerprint(print)}  in the account's list, and not ours`)
  if (rotation !== undefined) lines.push(`the old key is retired ${rotation.retireAt.toISOString()}`)
  lines.push(advice.length === 0 ? "nothing to do" : `to do: ${advice.map(({ todo }) => todo).join(", ")}`)
  return lines.join("\n")
}

async function rotate(life: LifeOptions, days: number): Promise<Done> {
  if (!(days > 0 && days < 36_500)) throw new UsageError(`--overlap ${days} is no number of days.`)
  const rotated = await rotateKey({ ...life, overlapMs: days * DAY_MS })
  const { from, to, retireAt } = rotated
  const until = `both are announced until ${retireAt.toISOString()}`
  const text = `new key ${formatFingerprint(to)}, signed by ${formatFingerprint(from)}; ${until}`
  return [rotated, `${text}${publishedText(rotated.published)}`]
}

async function retire(life: LifeOptions, print: Fingerprint): Promise<Done> {
  await retireKey({ ...life, fingerprint: print })
  return [{ fingerprint: print, announced: false }, `${formatFingerprint(print)} is not announced any more`]
}

/** Why, or with which certificate. */
type RevocationHow = { readonly reason: RevocationReason } | { readonly certificate: Uint8Array }

async function revocationHow(o: {
  readonly reason?: RevocationReason | undefined
  readonly certificate?: string | undefined
}): Promise<RevocationHow> {
  if (o.reason !== undefined && o.certificate === undefined) return { reason: o.reason }
  if (o.reason === undefined && o.certificate !== undefined) return { certificate: await readRevocation(o.certificate) }
  throw new UsageError(`Say why with --reason (${REASONS.join(", ")}), or give the --certificate of a lost key.`)
}

async function revoke(life: LifeOptions, print: Fingerprint, how: RevocationHow): Promise<Done> {
  const { published } =
    "reason" in how
      ? await revokeKey({ ...life, fingerprint: print, reason: how.reason })
      : await revokeWithCertificate({ ...life, fingerprint: print, revocation: how.certificate })
  const reason = "reason" in how ? how.reason : "certificate"
  return [
    { fingerprint: print, reason, published },
    `${formatFingerprint(print)} is revoked${publishedText(published)}`,
  ]
}

async function takeRevocation(options: ConfigOptions & { fingerprint: string; file: string }): Promise<void> {
  const config = await loadStoreConfig(configFile(options), process.env)
  using output = standardOutput()
  await using stores = await openStores(config.storage, { account: config.jid, onError: () => {} })
  const print = fingerprintArgument(options.fingerprint)
  await writeRevocation({ state: stores.storage.state, account: config.jid, fingerprint: print, file: options.file })
  const text = `${options.file} revokes ${formatFingerprint(print)} for whoever has it: keep it where the key is not`
  await output.line(options.json ? JSON.stringify({ fingerprint: print, file: options.file }) : text)
}

/** Where else it went; the service sends again what a key server did not take. */
function publishedText(published: readonly Published[]): string {
  const elsewhere = published.slice(1)
  return elsewhere
    .map(({ source, failed }) => `\n${source}: ${failed === undefined ? "sent" : `not taken (${failed})`}`)
    .join("")
}

function fingerprintArgument(print: string): Fingerprint {
  try {
    return fingerprint(print)
  } catch (error) {
    if (!isAurochsError(error, "BAD_DATA")) throw error
    throw new UsageError(`${print} is no fingerprint: 40 or 64 hex digits are needed.`)
  }
}
