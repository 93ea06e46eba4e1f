import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { UsageError, withProgress } from "@aurochs/cli-kit"
import { type BareJid, formatFingerprint } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { findUserId } from "@aurochs/keys"
import type { Argv } from "yargs"
import { keyAnnounceCommand } from "./announce.ts"
import { keyUseCommand } from "./engine-keys.ts"
import { armor, readOpenpgpFile } from "./files.ts"
import { type GlobalOptions, jidArgument, type PassphraseOptions, passphraseOptions, userPath } from "./global.ts"
import { print, remark, writeOut } from "./output.ts"
import { isLocked, judgeOwnKeys, loadKeys, protection, secretKeys } from "./own-keys.ts"
import { accountFor, accountsOf, openWorld, rememberAccount, type World } from "./world.ts"

/** `aurochs key …` */
export function keyCommands(program: Argv<GlobalOptions>): Argv<GlobalOptions> {
  return program.command("key", "One's own key", (key) =>
    keyAnnounceCommand(
      keyUseCommand(key)
        .command(
          "generate",
          "Make a key for an account",
          (y) => noPassphrase(y.option("jid", { type: "string", demandOption: true, describe: "Bare JID" })),
          (options) => generate(options),
        )
        .command(
          "import <file>",
          "Bring a key from elsewhere: binary, armored or Base64",
          (y) =>
            noPassphrase(y.option("jid", { type: "string", demandOption: true, describe: "Bare JID" })).positional(
              "file",
              {
                type: "string",
                demandOption: true,
              },
            ),
          (options) => importKey(options),
        )
        .command(
          "show",
          "What keys are here",
          (y) => passphraseOptions(y),
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
              .option("out", { type: "string", describe: "File to write; else standard output" }),
          (options) => exportKey(options),
        ),
    ).demandCommand(1, "Say what to do with the key: generate, import, use, show, export or announce."),
  )
}

function noPassphrase<T>(program: Argv<T>) {
  return passphraseOptions(program).option("passphrase", {
    type: "boolean",
    describe: "--no-passphrase keeps the key unprotected, readable by this user only",
  })
}

async function generate(options: GlobalOptions & PassphraseOptions & { jid: string }): Promise<void> {
  const account = jidArgument("--jid", options.jid)
  await using world = await openWorld(options)
  const held = await judgeOwnKeys(world, account, await loadKeys(world, account, options))
  if (held.current !== undefined) {
    throw new UsageError(`${account} has a key here already; aurochs key show --account ${account} shows it.`)
  }
  const protect = await protection(options, true)
  const { key, revocation } = await withProgress(
    "making a key",
    world.provider.generate({ userId: `xmpp:${account}` }, { now: world.clock.now() }),
  )
  await keep(world, account, key, protect)
  const { fingerprint } = key.certificate
  let revocationFile: string | undefined
  if (revocation !== undefined) {
    const folder = join(options.home, "revocation")
    await mkdir(folder, { recursive: true, mode: 0o700 })
    revocationFile = join(folder, `${fingerprint}.pgp`)
    await writeFile(revocationFile, revocation, { mode: 0o600 })
  }
  print(
    options.json,
    { account, fingerprint, revocationFile },
    `${account} has a new key: ${formatFingerprint(fingerprint)}`,
  )
  if (!options.json) remark(`announce it with: aurochs key announce --account ${account}`)
}

async function importKey(options: GlobalOptions & PassphraseOptions & { jid: string; file: string }): Promise<void> {
  const account = jidArgument("--jid", options.jid)
  const bytes = await readOpenpgpFile(options.file)
  await using world = await openWorld(options)
  // A protected file brings its passphrase along; for any other one this is the first.
  const isNew = !(await isLocked(world.provider, bytes))
  const given = options.passphrase === false ? undefined : await protection(options, isNew)
  const keys = await world.provider.importSecret(bytes, given instanceof Uint8Array ? { passphrase: given } : {})
  for (const key of keys) {
    const info = await world.provider.inspect(key.certificate.bytes, { now: world.clock.now() })
    if (findUserId(info, account) === undefined) {
      throw new UsageError(
        `${info.fingerprint} has no valid User ID xmpp:${account}, so nobody would accept what it signs for that account (XEP-0373 §3.2).`,
      )
    }
    await keep(world, account, key, given ?? "none")
    print(
      options.json,
      { account, fingerprint: info.fingerprint },
      `${account} has the key ${formatFingerprint(info.fingerprint)}`,
    )
  }
}

async function keep(world: World, account: BareJid, key: SecretKey, protect: Uint8Array | "none"): Promise<void> {
  const { secrets } = world.provider
  if (secrets === undefined) throw new UsageError(`Keys do not leave the engine ${world.provider.name}.`)
  await world.storage.secrets.save(account, await secrets.export(key, { passphrase: protect }))
  await rememberAccount(world.storage, account)
}

async function show(options: GlobalOptions & PassphraseOptions): Promise<void> {
  await using world = await openWorld(options)
  const accounts =
    options.account === undefined ? await accountsOf(world.storage) : [await accountFor(options, world.storage)]
  if (accounts.length === 0) remark("no account has a key here yet")
  for (const account of accounts) {
    for (const key of await secretKeys(world, account, options)) {
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
        { account, fingerprint, algorithm, createdAt, expiresAt, revokedAt, userIds },
        `${account}\n  ${formatFingerprint(fingerprint)}\n  ${algorithm}, made ${createdAt.toISOString()}, ${state}\n  ${ids.join("\n  ")}`,
      )
    }
  }
}

async function exportKey(
  options: GlobalOptions & PassphraseOptions & { secret: boolean; armor: boolean; out?: string | undefined },
): Promise<void> {
  await using world = await openWorld(options)
  const account = await accountFor(options, world.storage)
  let bytes: Uint8Array
  if (options.secret) {
    bytes = Buffer.concat(await world.storage.secrets.load(account))
    if (bytes.length === 0) await secretKeys(world, account, options)
  } else {
    const keys = await secretKeys(world, account, options)
    // Without a usable one the newest is still of use to those who hold old messages.
    const { certificate } = (await judgeOwnKeys(world, account, keys)).current ?? keys[0]
    bytes = (await world.provider.minimize(certificate.bytes, { keepUserId: `xmpp:${account}` })).bytes
  }
  const data = options.armor ? armor(options.secret ? "PRIVATE KEY BLOCK" : "PUBLIC KEY BLOCK", bytes) : bytes
  if (options.out !== undefined) {
    await writeFile(userPath(options.out), data, { mode: options.secret ? 0o600 : 0o644 })
    return
  }
  if (!options.armor && process.stdout.isTTY)
    throw new UsageError("Binary data does not belong on a terminal: add --armor, or --out FILE.")
  await writeOut(data)
}
