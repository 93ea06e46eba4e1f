import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { UsageError, withProgress } from "@aurochs/cli-kit"
import { type BareJid, type Fingerprint, formatFingerprint } from "@aurochs/core"
import {
  type LifeOptions,
  type RevocationReason,
  renewKey,
  retireKey,
  revocationStateKey,
  revokeKey,
  revokeWithCertificate,
  rotateKey,
} from "@aurochs/keys"
import type { Argv } from "yargs"
import { readOpenpgpFile } from "./files.ts"
import {
  type GlobalOptions,
  type NetworkOptions,
  type PassphraseOptions,
  passphraseOptions,
  passwordOptions,
} from "./global.ts"
import { daysArgument, fingerprintArgument, lifeOf, sealToKeyInUse } from "./life.ts"
import { connect, online } from "./online.ts"
import { print, remark } from "./output.ts"
import { tellFailed, type UploadOptions, uploadOptions } from "./uploads.ts"
import { accountFor, openWorld, type World } from "./world.ts"

type Options = NetworkOptions & PassphraseOptions & UploadOptions
const REASONS = ["superseded", "retired", "compromised"] as const

/** `aurochs key rotate|retire|revoke|expire|renew` */
export function keyLifeCommands<T extends GlobalOptions>(program: Argv<T>): Argv<T> {
  const online = <U>(y: Argv<U>) => uploadOptions(passwordOptions(passphraseOptions(y)))
  const named = <U>(y: Argv<U>) => online(y).positional("fingerprint", { type: "string", demandOption: true })
  return program
    .command(
      "rotate",
      "Make a new key, signed by the old one, and announce it beside the old one",
      (y) =>
        online(y)
          .option("overlap", { type: "number", default: 30, describe: "Days after which the old key is to be retired" })
          .option("expires", { type: "number", describe: "Days after which the new key expires; never by default" }),
      (options) => rotate(options),
    )
    .command(
      "retire <fingerprint>",
      "Take a key out of the account's list; it stays here, for old messages",
      (y) => named(y),
      (options) => retire(options),
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
            describe: "The revocation certificate made with the key, where its secret is lost",
          }),
      (options) => revoke(options),
    )
    .command(
      "expire <fingerprint> <days>",
      "Set an end to a key, and announce it",
      (y) => named(y).positional("days", { type: "number", demandOption: true }),
      (options) => renew(options, daysArgument("days", options.days)),
    )
    .command(
      "renew <fingerprint>",
      "Move the end of a key, and announce it",
      (y) => named(y).option("days", { type: "number", describe: "From now; by default it never expires" }),
      (options) => renew(options, options.days === undefined ? undefined : daysArgument("--days", options.days)),
    )
}

interface Connected {
  readonly world: World
  readonly account: BareJid
  readonly life: LifeOptions
}

async function connected<T>(options: Options, work: (connected: Connected) => Promise<T>): Promise<T> {
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  await using transport = await connect(world, account, options)
  const life = await lifeOf(world, account, options, transport)
  await withProgress(`connecting as ${account}`, online(transport))
  return await work({ world, account, life })
}

async function rotate(options: Options & { overlap: number; expires?: number | undefined }): Promise<void> {
  const overlapMs = daysArgument("--overlap", options.overlap)
  const expiresInMs = options.expires === undefined ? undefined : daysArgument("--expires", options.expires)
  await connected(options, async ({ world, account, life }) => {
    const { from, to, retireAt, published } = await withProgress(
      "rotating",
      rotateKey({ ...life, overlapMs, expiresInMs }),
    )
    const revocationFile = await keepRevocation(world, options.home, account, to)
    await sealToKeyInUse(world, account, options)
    tellFailed(published)
    print(
      options.json,
      { account, from, to, retireAt, published, revocationFile },
      `${account} has a new key: ${formatFingerprint(to)}\nsigned by ${formatFingerprint(from)}\nboth are announced until ${retireAt.toISOString()}`,
    )
    if (!options.json) remark(`then: aurochs key retire ${from}`)
  })
}

/** Writes the revocation certificate beside those of `key generate`. */
async function keepRevocation(
  { storage }: World,
  home: string,
  account: BareJid,
  fingerprint: Fingerprint,
): Promise<string | undefined> {
  const stored = await storage.state.get(revocationStateKey(account, fingerprint))
  return stored && revocationFileOf(home, fingerprint, stored.bytes)
}

/** Writes a revocation certificate where it is kept apart from the key; the file's path. */
export async function revocationFileOf(home: string, fingerprint: Fingerprint, bytes: Uint8Array): Promise<string> {
  const folder = join(home, "revocation")
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${fingerprint}.pgp`)
  await writeFile(file, bytes, { mode: 0o600 })
  return file
}

async function retire(options: Options & { fingerprint: string }): Promise<void> {
  const fingerprint = fingerprintArgument(options.fingerprint)
  await connected(options, async ({ account, life }) => {
    await withProgress("retiring", retireKey({ ...life, fingerprint }))
    print(
      options.json,
      { account, fingerprint, announced: false },
      `${account} does not announce ${formatFingerprint(fingerprint)} any more`,
    )
  })
}

async function revoke(
  options: Options & {
    fingerprint: string
    reason?: RevocationReason | undefined
    certificate?: string | undefined
  },
): Promise<void> {
  const fingerprint = fingerprintArgument(options.fingerprint)
  const { reason, certificate } = options
  if ((reason === undefined) === (certificate === undefined)) {
    throw new UsageError(`Say why with --reason (${REASONS.join(", ")}), or give the --certificate of a lost key.`)
  }
  const revocation = certificate === undefined ? undefined : await readOpenpgpFile(certificate)
  await connected(options, async ({ world, account, life }) => {
    const work =
      revocation === undefined
        ? revokeKey({ ...life, fingerprint, reason: reason ?? "compromised" })
        : revokeWithCertificate({ ...life, fingerprint, revocation })
    const { published } = await withProgress("revoking", work)
    await sealToKeyInUse(world, account, options)
    tellFailed(published)
    print(
      options.json,
      { account, fingerprint, revoked: true, reason, published },
      `${formatFingerprint(fingerprint)} is revoked`,
    )
  })
}

async function renew(options: Options & { fingerprint: string }, expiresInMs: number | undefined): Promise<void> {
  const fingerprint = fingerprintArgument(options.fingerprint)
  await connected(options, async ({ world, account, life }) => {
    const { certificate, published } = await withProgress("renewing", renewKey({ ...life, fingerprint, expiresInMs }))
    const { expiresAt } = await world.provider.inspect(certificate.bytes, { now: world.clock.now() })
    tellFailed(published)
    const end = expiresAt === undefined ? "never expires" : `expires ${expiresAt.toISOString()}`
    print(options.json, { account, fingerprint, expiresAt, published }, `${formatFingerprint(fingerprint)} ${end}`)
  })
}
