import { readSecret, UsageError } from "@aurochs/cli-kit"
import { AurochsError, type BareJid, type Certificate, type Fingerprint, isAurochsError } from "@aurochs/core"
import type { CertificateInfo, CryptoProvider, SecretKey } from "@aurochs/crypto"
import { findUserId, type LeftOut } from "@aurochs/keys"
import { engineKeys } from "./engine-keys.ts"
import type { PassphraseOptions } from "./global.ts"
import { remark } from "./output.ts"
import { rememberAccount, type World } from "./world.ts"

/** The account's keys that are here, judged now. */
export interface OwnKeys {
  /** The newest usable one: signs and is announced. Undefined if none is usable. */
  readonly current: SecretKey | undefined
  /** Every usable one, the newest first. What is sent is encrypted to them all (R4). */
  readonly usable: readonly Certificate[]
  /** Those that may only decrypt. */
  readonly leftOut: readonly LeftOut[]
}

/**
 * Chooses among the account's own keys: which one signs and which ones are encrypted to.
 *
 * @param keys as {@link loadKeys} gives them
 */
export async function judgeOwnKeys(
  { provider, clock }: World,
  account: BareJid,
  keys: readonly SecretKey[],
): Promise<OwnKeys> {
  const now = clock.now()
  const usable: { key: SecretKey; createdAtMs: number }[] = []
  const leftOut: LeftOut[] = []
  for (const key of keys) {
    const info = await provider.inspect(key.certificate.bytes, { now })
    const because = unusableBecause(info, account, now)
    if (because === undefined) usable.push({ key, createdAtMs: info.createdAt.getTime() })
    else leftOut.push({ fingerprint: info.fingerprint, because })
  }
  usable.sort((a, b) => b.createdAtMs - a.createdAtMs)
  return { current: usable[0]?.key, usable: usable.map(({ key }) => key.certificate), leftOut }
}

function unusableBecause(info: CertificateInfo, account: BareJid, now: Date): string | undefined {
  if (info.revokedAt !== undefined) return "revoked"
  if (info.expiresAt !== undefined && info.expiresAt.getTime() <= now.getTime()) return "expired"
  if (findUserId(info, account) === undefined) return "no-user-id"
  if (!info.canSign) return "cannot-sign"
  return info.canEncrypt ? undefined : "cannot-encrypt"
}

/**
 * The key that signs and is announced, and the certificates of all usable ones.
 *
 * @throws {AurochsError} `NO_USABLE_KEY` if there is none, with the reason against each; `CANNOT_DECRYPT` for a wrong
 * passphrase
 */
export async function usableKeys(
  world: World,
  account: BareJid,
  options: PassphraseOptions,
): Promise<{ readonly current: SecretKey; readonly usable: readonly Certificate[] }> {
  const { current, usable, leftOut } = await judgeOwnKeys(world, account, await secretKeys(world, account, options))
  if (current !== undefined) return { current, usable }
  throw new AurochsError(
    "NO_USABLE_KEY",
    `no key of ${account} that is here can be used: aurochs key generate --jid ${account} makes another one, aurochs key import FILE --jid ${account} brings one`,
    { owner: account, leftOut },
  )
}

/**
 * All the account's secret keys, the last saved first: for decryption. Of several copies of one the last.
 *
 * @throws {AurochsError} `NO_USABLE_KEY` if there is none, `CANNOT_DECRYPT` for a wrong passphrase
 */
export async function secretKeys(
  world: World,
  account: BareJid,
  options: PassphraseOptions,
): Promise<[SecretKey, ...SecretKey[]]> {
  const [last, ...others] = await loadKeys(world, account, options)
  if (last !== undefined) return [last, ...others]
  throw new AurochsError(
    "NO_USABLE_KEY",
    `${account} has no key here: aurochs key generate --jid ${account} makes one, aurochs key import FILE --jid ${account} brings one`,
    { owner: account, leftOut: [] },
  )
}

/**
 * As {@link secretKeys}; none is no error.
 *
 * @throws {AurochsError} `CANNOT_DECRYPT` for a wrong passphrase
 */
export async function loadKeys(world: World, account: BareJid, options: PassphraseOptions): Promise<SecretKey[]> {
  const keys = new Map<Fingerprint, SecretKey>()
  const ask = () => passphrase(world, options)
  for (const bytes of (await world.storage.secrets.load(account)).toReversed()) {
    for (const key of await unlocked(world.provider, bytes, ask)) {
      if (!keys.has(key.certificate.fingerprint)) keys.set(key.certificate.fingerprint, key)
    }
  }
  for (const key of await engineKeys(world, account)) {
    if (!keys.has(key.certificate.fingerprint)) keys.set(key.certificate.fingerprint, key)
  }
  return [...keys.values()]
}

async function unlocked(provider: CryptoProvider, bytes: Uint8Array, ask: () => Promise<string>): Promise<SecretKey[]> {
  if (!(await isLocked(provider, bytes))) return provider.importSecret(bytes)
  const secret = new TextEncoder().encode(await ask())
  try {
    return await provider.importSecret(bytes, { passphrase: secret })
  } finally {
    secret.fill(0)
  }
}

/**
 * Saves those of the keys that are the account's, as they are to be protected.
 *
 * @returns their fingerprints
 * @throws {UsageError} if none is: nobody would accept what it signs (XEP-0373 §3.2)
 */
export async function keepFitting(
  world: World,
  account: BareJid,
  keys: readonly SecretKey[],
  protect: Uint8Array | "none",
): Promise<Fingerprint[]> {
  const { provider, storage, clock } = world
  const { secrets } = provider
  if (secrets === undefined) throw new UsageError(`Keys do not leave the engine ${provider.name}.`)
  const fitting: SecretKey[] = []
  const others: Fingerprint[] = []
  for (const key of keys) {
    const info = await provider.inspect(key.certificate.bytes, { now: clock.now() })
    if (findUserId(info, account, ["valid", "expired", "revoked"]) !== undefined) fitting.push(key)
    else others.push(info.fingerprint)
  }
  if (fitting.length === 0) {
    throw new UsageError(
      `${others.join(", ")} has no valid User ID xmpp:${account}, so nobody would accept what it signs for that account (XEP-0373 §3.2).`,
    )
  }
  for (const print of others) remark(`left out ${print}: it has no User ID xmpp:${account}`)
  for (const key of fitting) {
    await storage.secrets.save(account, await secrets.export(key, { passphrase: protect }))
  }
  await rememberAccount(storage, account)
  return fitting.map((key) => key.certificate.fingerprint)
}

/**
 * What opens the account's stored keys: the passphrase, asked for only if one of them is protected.
 *
 * @returns UTF-8 bytes, or `"none"`
 */
export async function storedProtection(
  world: World,
  account: BareJid,
  options: PassphraseOptions,
): Promise<Uint8Array | "none"> {
  const { storage, provider } = world
  for (const bytes of await storage.secrets.load(account)) {
    if (await isLocked(provider, bytes)) return new TextEncoder().encode(await passphrase(world, options))
  }
  return "none"
}

/** Is a passphrase needed to read these secret keys? */
export async function isLocked(provider: CryptoProvider, bytes: Uint8Array): Promise<boolean> {
  try {
    await provider.importSecret(bytes)
    return false
  } catch (error) {
    if (isAurochsError(error, "KEY_LOCKED")) return true
    throw error
  }
}

/** The passphrase that protects a key, from where the user said, asked once; `isNew`: a prompt asks for it twice. */
function passphrase(world: World, options: PassphraseOptions, isNew = false): Promise<string> {
  world.asked.passphrase ??= readSecret({
    what: "passphrase",
    file: options.passphraseFile,
    command: options.passphraseCommand,
    variable: "AUROCHS_PASSPHRASE",
    prompt: true,
    confirm: isNew,
  })
  return world.asked.passphrase
}

/**
 * How a key is to be protected at rest: the passphrase in UTF-8, or `"none"` after `--no-passphrase`.
 *
 * @param isNew no key has this passphrase yet
 */
export async function protection(
  world: World,
  options: PassphraseOptions,
  isNew: boolean,
): Promise<Uint8Array | "none"> {
  if (options.passphrase === false) return "none"
  return new TextEncoder().encode(await passphrase(world, options, isNew))
}
