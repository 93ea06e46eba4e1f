import { writeFile } from "node:fs/promises"
import { UsageError, withProgress } from "@aurochs/cli-kit"
import { type BareJid, formatFingerprint } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { armor } from "@aurochs/crypto/armor"
import { frame, tag } from "@aurochs/crypto/packets"
import { announcedForm, fingerprintUri, trustUri } from "@aurochs/keys"
import type { Argv } from "yargs"
import { keyAnnounceCommand } from "./announce.ts"
import { keyBackupCommands } from "./backup.ts"
import { type CodeOptions, codeOptions, readCode } from "./code.ts"
import { keyUseCommand } from "./engine-keys.ts"
import { dearmor, readOpenpgpFile } from "./files.ts"
import { type GlobalOptions, jidArgument, type PassphraseOptions, passphraseOptions, userPath } from "./global.ts"
import { keyLifeCommands, revocationFileOf } from "./key-life.ts"
import { keyStatusCommand } from "./key-status.ts"
import { fingerprintArgument } from "./life.ts"
import { print, remark, writeOut } from "./output.ts"
import { isLocked, judgeOwnKeys, keepFitting, loadKeys, protection, secretKeys, storedProtection } from "./own-keys.ts"
import { type QrOptions, qrOptions, showQr } from "./qr.ts"
import { secretBlocks } from "./secret-blocks.ts"
import { accountFor, accountsOf, openWorld, type World } from "./world.ts"

/** `aurochs key …` */
export function keyCommands(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command("key", "One's own key", (key) =>
    withOthers(
      keyUseCommand(key)
        .command(
          "generate",
          "Make a key for an account",
          (y) =>
            noPassphrase(y.option("jid", { type: "string", demandOption: true, describe: "Bare JID" })).option("v6", {
              type: "boolean",
              default: false,
              describe: "A key of RFC 9580, which most clients cannot read yet",
            }),
          (options) => generate(options),
        )
        .command(
          "import <file>",
          "Bring keys from elsewhere: binary, armored or Base64; also a backup that a code opens",
          (y) =>
            codeOptions(
              noPassphrase(y.option("jid", { type: "string", demandOption: true, describe: "Bare JID" })),
            ).positional("file", { type: "string", demandOption: true }),
          (options) => importKey(options),
        )
        .command(
          "show",
          "What keys are here",
          (y) => qrOptions(passphraseOptions(y)),
          (options) => show(options),
        )
        .command(
          "export",
          "Write the certificate, or with --secret the secret key",
          (y) =>
            passphraseOptions(y)
              .option("secret", {
                type: "boolean",
                default: false,
                describe: "The secret key, protected as it is here",
              })
              .option("armor", { type: "boolean", default: false, describe: "ASCII armor instead of binary" })
              .option("full", {
                type: "boolean",
                default: false,
                describe: "With every signature, not the smallest form",
              })
              .option("key", {
                type: "string",
                array: true,
                nargs: 1,
                describe: "This fingerprint; may be repeated. By default the one in use, with --secret all",
              })
              .option("out", { type: "string", describe: "File to write; else standard output" }),
          (options) => exportKey(options),
        ),
    ).demandCommand(1, "Say what to do with the key; --help lists it."),
  )
}

function withOthers<T extends GlobalOptions>(key: Argv<T>): Argv<T> {
  return [keyAnnounceCommand<T>, keyStatusCommand<T>, keyLifeCommands<T>, keyBackupCommands<T>].reduce(
    (y, add) => add(y),
    key,
  )
}

function noPassphrase<T>(program: Argv<T>) {
  return passphraseOptions(program).option("passphrase", {
    type: "boolean",
    describe: "--no-passphrase keeps the key unprotected, readable by this user only",
  })
}

async function generate(options: GlobalOptions & PassphraseOptions & { jid: string; v6: boolean }): Promise<void> {
  const account = jidArgument("--jid", options.jid)
  await using world = await openWorld(options)
  const held = await judgeOwnKeys(world, account, await loadKeys(world, account, options))
  if (held.current !== undefined) {
    throw new UsageError(`${account} has a key here already; aurochs key show --account ${account} shows it.`)
  }
  const protect = await protection(world, options, true)
  const { key, revocation } = await withProgress(
    "making a key",
    world.provider.generate({ userId: `xmpp:${account}`, version: options.v6 ? 6 : 4 }, { now: world.clock.now() }),
  )
  const { fingerprint } = key.certificate
  // First, so that no key is kept that nobody could revoke once its secret is lost.
  const revocationFile = revocation && (await revocationFileOf(options.home, fingerprint, revocation))
  await keepFitting(world, account, [key], protect)
  print(
    options.json,
    { account, fingerprint, revocationFile },
    `${account} has a new key: ${formatFingerprint(fingerprint)}`,
  )
  if (!options.json) remark(`announce it with: aurochs key announce --account ${account}`)
}

async function importKey(
  options: GlobalOptions & PassphraseOptions & CodeOptions & { jid: string; file: string },
): Promise<void> {
  const account = jidArgument("--jid", options.jid)
  await using world = await openWorld(options)
  const bytes = secretBlocks(await unwrapped(world, await readOpenpgpFile(options.file), options))
  // A protected file brings its passphrase along; for any other one this is the first.
  const isNew = !(await isLocked(world.provider, bytes))
  const given = options.passphrase === false ? undefined : await protection(world, options, isNew)
  const keys = await world.provider.importSecret(bytes, given instanceof Uint8Array ? { passphrase: given } : {})
  for (const fingerprint of await keepFitting(world, account, keys, given ?? "none")) {
    print(options.json, { account, fingerprint }, `${account} has the key ${formatFingerprint(fingerprint)}`)
  }
}

/** Packets of a backup before it is decrypted: far more than there are. */
const MAX_BACKUP_PACKETS = 64

/** A backup as OpenKeychain and this program make it, secret keys in a message encrypted with a code; else as it is. */
async function unwrapped({ provider }: World, bytes: Uint8Array, options: CodeOptions): Promise<Uint8Array> {
  const packets = frame(bytes, { maxPackets: MAX_BACKUP_PACKETS })
  if (typeof packets === "string" || packets[0]?.tag !== tag.passwordSession) return bytes
  if (provider.secrets === undefined) throw new UsageError(`The engine ${provider.name} reads no backups.`)
  const password = await readCode(options)
  const plain = dearmor(await provider.secrets.decryptWithPassword(bytes, { password }))
  if (plain === undefined) throw new UsageError("The backup holds no OpenPGP key.")
  return plain
}

async function show(options: GlobalOptions & PassphraseOptions & QrOptions): Promise<void> {
  await using world = await openWorld(options)
  const accounts =
    options.account === undefined ? await accountsOf(world.storage) : [await accountFor(options, world.storage)]
  if (accounts.length === 0) remark("no account has a key here yet")
  for (const account of accounts) {
    const keys = await secretKeys(world, account, options)
    const { current } = await judgeOwnKeys(world, account, keys)
    if (current !== undefined) await showQr(account, [current.certificate.fingerprint], options)
    for (const key of keys) {
      const info = await world.provider.inspect(key.certificate.bytes, { now: world.clock.now() })
      const { fingerprint, algorithm, createdAt, expiresAt, revokedAt, userIds } = info
      const state = revokedAt
        ? `revoked ${revokedAt.toISOString()}`
        : expiresAt
          ? `expires ${expiresAt.toISOString()}`
          : "does not expire"
      const ids = userIds.map(({ text, status }) => (status === "valid" ? text : `${text} (${status})`))
      print(
        options.json,
        {
          account,
          fingerprint,
          algorithm,
          createdAt,
          expiresAt,
          revokedAt,
          userIds,
          uri: trustUri(account, [fingerprint]),
          fingerprintUri: fingerprintUri(fingerprint),
        },
        `${account}\n  ${formatFingerprint(fingerprint)}\n  ${algorithm}, made ${createdAt.toISOString()}, ${state}\n  ${ids.join("\n  ")}`,
      )
    }
  }
}

async function exportKey(
  options: GlobalOptions &
    PassphraseOptions & {
      secret: boolean
      armor: boolean
      full: boolean
      key?: string[] | undefined
      out?: string | undefined
    },
): Promise<void> {
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  const keys = await secretKeys(world, account, options)
  const bytes = await exported(world, account, chosen(keys, options.key), options, keys)
  const data = options.armor ? armor(options.secret ? "PRIVATE KEY BLOCK" : "PUBLIC KEY BLOCK", bytes) : bytes
  if (options.out !== undefined) {
    await writeFile(userPath(options.out), data, { mode: options.secret ? 0o600 : 0o644 })
    return
  }
  if (!options.armor && process.stdout.isTTY)
    throw new UsageError("Binary data does not belong on a terminal: add --armor, or --out FILE.")
  await writeOut(data)
}

/** The keys named by `--key`; undefined: none was named. */
function chosen(keys: readonly SecretKey[], named: readonly string[] | undefined): readonly SecretKey[] | undefined {
  return named?.map((text) => {
    const print = fingerprintArgument(text)
    const found = keys.find((key) => key.certificate.fingerprint === print)
    if (found === undefined) throw new UsageError(`The key ${print} is not here; aurochs key show lists them.`)
    return found
  })
}

async function exported(
  world: World,
  account: BareJid,
  named: readonly SecretKey[] | undefined,
  options: PassphraseOptions & { secret: boolean; full: boolean },
  all: readonly [SecretKey, ...SecretKey[]],
): Promise<Uint8Array> {
  const { provider } = world
  if (options.secret) {
    const passphrase = await storedProtection(world, account, options)
    const parts = (named ?? all.toReversed()).map((key) => provider.secrets?.export(key, { passphrase }))
    return Buffer.concat((await Promise.all(parts)).flatMap((part) => (part === undefined ? [] : [part])))
  }
  // Without a usable one the newest is still of use to those who hold old messages.
  const current = (await judgeOwnKeys(world, account, all)).current ?? all[0]
  const own = all.map((key) => key.certificate)
  const parts: Uint8Array[] = []
  for (const { certificate } of named ?? [current]) {
    const small = options.full ? certificate : await announcedForm({ ...world, account }, certificate, own)
    parts.push(small.bytes)
  }
  return Buffer.concat(parts)
}
