import { AurochsError, type CallOptions, type Certificate, fingerprint, throwIfAborted } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { splitSecretKeys } from "./bounds.ts"
import { type Checked, checkKey } from "./checked.ts"
import { decryptionKeys, isSecret, signingKey } from "./choose.ts"
import { type Context, checkingConfig, momentOf } from "./context.ts"
import { backend, badData, cannotDecrypt, step } from "./errors.ts"
import { boundArgon2 } from "./s2k.ts"

/** A secret key in memory. */
export interface Unlocked {
  readonly key: pgp.PrivateKey
  readonly checked: Checked
}

/** The secret keys of one provider, known by their handles. */
export interface Keyring {
  /** A handle on this key. The key's own memory belongs to it from now on. */
  add(unlocked: Unlocked): SecretKey
  /**
   * Runs `work` with the key behind a handle. The key is not wiped while work is under way.
   *
   * @throws {AurochsError} `BACKEND` if it was disposed or is another provider's
   */
  use<T>(handle: SecretKey, work: (unlocked: Unlocked) => Promise<T>): Promise<T>
}

/** An empty keyring. */
export function keyring(): Keyring {
  const entries = new WeakMap<SecretKey, { unlocked: Unlocked; users: number; disposed: boolean }>()
  return {
    add(unlocked) {
      const handle: SecretKey = {
        certificate: certificateOf(unlocked.key),
        async [Symbol.asyncDispose]() {
          const entry = entries.get(handle)
          if (entry === undefined) return
          entries.delete(handle)
          entry.disposed = true
          if (entry.users === 0) wipe(entry.unlocked)
        },
      }
      entries.set(handle, { unlocked, users: 0, disposed: false })
      return handle
    },
    async use(handle, work) {
      const entry = entries.get(handle)
      if (entry === undefined) throw backend("the secret key was disposed, or is not of this provider")
      entry.users++
      try {
        return await work(entry.unlocked)
      } finally {
        entry.users--
        if (entry.disposed && entry.users === 0) wipe(entry.unlocked)
      }
    },
  }
}

/** The public half, as it is published. */
export function certificateOf(key: pgp.PrivateKey): Certificate {
  return { fingerprint: fingerprint(key.getFingerprint()), bytes: key.toPublic().write() }
}

function wipe({ key }: Unlocked): void {
  for (const { keyPacket } of key.getKeys()) {
    const params = isSecret(keyPacket) ? keyPacket.privateParams : null
    for (const value of Object.values(params ?? {})) if (value instanceof Uint8Array) value.fill(0)
  }
}

/**
 * Reads transferable secret keys, unlocks them and checks that each secret belongs to its public part.
 *
 * @throws {AurochsError} `BAD_DATA`, `KEY_LOCKED`, `CANNOT_DECRYPT`, `UNSUPPORTED`, `ABORTED`
 */
export async function importSecret(
  context: Context,
  keys: Keyring,
  secret: Uint8Array,
  options: (CallOptions & { readonly passphrase?: Uint8Array | undefined }) | undefined,
): Promise<SecretKey[]> {
  throwIfAborted(options)
  const passphrase = options?.passphrase === undefined ? undefined : passphraseText(options.passphrase)
  const unlocked: Unlocked[] = []
  // A copy: the library's key points into what it read, and disposing wipes it.
  for (const bytes of splitSecretKeys(new Uint8Array(secret), context.limits)) {
    unlocked.push(await unlock(context, bytes, passphrase))
    throwIfAborted(options)
  }
  return unlocked.map((one) => keys.add(one))
}

async function unlock(context: Context, bytes: Uint8Array, passphrase: string | undefined): Promise<Unlocked> {
  const unreadable = () => badData("secret-key", "not an OpenPGP secret key that can be read")
  const key = await step(() => pgp.readPrivateKey({ binaryKey: bytes, config: context.config }), unreadable)
  for (const { keyPacket } of key.getKeys()) {
    if (!isSecret(keyPacket)) throw unreadable()
    // On a card, or exported without its primary key: there is nothing to unlock.
    if (keyPacket.isDummy()) continue
    if (!keyPacket.isDecrypted()) await unlockPacket(context, keyPacket, passphrase, key)
    await step(
      () => keyPacket.validate(),
      () => badData("secret-key", "the secret part does not belong to the public part"),
    )
  }
  return checkedSecret(context, key)
}

/**
 * A secret key with its self-signatures verified.
 *
 * @throws {AurochsError} `BAD_DATA` if nothing could ever be done with it
 */
export async function checkedSecret(context: Context, key: pgp.PrivateKey): Promise<Unlocked> {
  const checked = await checkKey(key, checkingConfig(context))
  const signs = typeof signingKey(checked, momentOf(context, undefined).getTime(), context.config) !== "string"
  if (!signs && decryptionKeys(checked).length === 0) {
    const speaks = checked.direct.length > 0 || checked.users.some((user) => user.self.length > 0)
    if (!speaks) throw badData("secret-key", "it has no valid self-signature")
  }
  return { key, checked }
}

/** The part of the library's S2K object that tells its cost; the library's types leave it out. */
interface WithS2k {
  readonly s2kUsage?: number
  readonly s2k?: { readonly type?: string; readonly t?: number; readonly p?: number; readonly encodedM?: number } | null
}

async function unlockPacket(
  context: Context,
  packet: pgp.SecretKeyPacket | pgp.SecretSubkeyPacket,
  passphrase: string | undefined,
  key: pgp.PrivateKey,
): Promise<void> {
  const { s2kUsage, s2k } = packet as unknown as WithS2k
  // RFC 9580 §3.7.2.1: 253 AEAD, 254 CFB with SHA-1; the older kinds do not show whether a passphrase is right.
  if ((s2kUsage !== 253 && s2kUsage !== 254) || packet.isMissingSecretKeyMaterial() || !s2k?.type) {
    throw new AurochsError("UNSUPPORTED", "this protection of a secret key cannot be read", {
      feature: "secret key protection",
    })
  }
  if (s2k.type === "argon2") {
    const { t = Number.NaN, p = Number.NaN, encodedM = Number.NaN } = s2k
    boundArgon2({ passes: t, lanes: p, memoryExponent: encodedM }, "secret-key", context.limits)
  }
  if (passphrase === undefined) {
    const of = fingerprint(key.getFingerprint())
    throw new AurochsError("KEY_LOCKED", "the secret key needs a passphrase", { fingerprint: of })
  }
  await step(
    () => packet.decrypt(passphrase),
    // AEAD fails in as many words as there are implementations of it.
    (message) =>
      /Incorrect key passphrase/.test(message) || (s2kUsage === 253 && !/reading MPIs/.test(message))
        ? cannotDecrypt("bad-passphrase")
        : badData("secret-key", "the secret part cannot be read"),
  )
}

/**
 * @throws {AurochsError} `CANNOT_DECRYPT` (`bad-passphrase`) if it is not UTF-8
 */
export function passphraseText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw cannotDecrypt("bad-passphrase")
  }
}
