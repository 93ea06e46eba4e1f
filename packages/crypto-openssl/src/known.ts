import { hash } from "node:crypto"
import type { CallOptions, Fingerprint } from "@aurochs/core"
import type { KeyFacts, SignerFacts, TimeSpan } from "@aurochs/crypto"
import { view } from "./packets.ts"
import { type EncryptionKey, importPublicKey, type SigningKey } from "./public-key.ts"

/** Who may be encrypted to. */
export interface Recipient {
  readonly certificate: Fingerprint
  readonly key: EncryptionKey
}

/** Whose signatures count: keys of one certificate, made ready to verify with. */
interface Signers extends Omit<SignerFacts, "keys"> {
  readonly keys: readonly SigningKey[]
}

/** What was decided about certificates, kept for as long as it holds. */
export interface Known {
  /**
   * Whom to encrypt to; undefined: nobody, or a kind of key that this engine does not compute with.
   *
   * @throws {AurochsError} as `KeyFacts.encryptionKey`
   */
  recipient(
    certificate: Uint8Array,
    now: number,
    options: CallOptions,
  ): Recipient | undefined | Promise<Recipient | undefined>
  /**
   * The keys whose signatures of that time count.
   *
   * @throws {AurochsError} as `KeyFacts.signers`
   */
  signers(
    certificate: Uint8Array,
    now: number,
    signedAt: number,
    options: CallOptions,
  ): readonly SigningKey[] | Promise<readonly SigningKey[]>
}

/** One certificate. */
interface Entry {
  /** A copy of our own: if the caller's bytes are changed in place, it is another certificate. */
  readonly bytes: Buffer
  encryption?: { readonly holds: TimeSpan; readonly recipient: Recipient | undefined } | undefined
  /** The newest first; old messages are read in between. */
  signers: readonly Signers[]
}

const SIGNERS_KEPT = 4

/**
 * @param maxEntries how many certificates are remembered
 */
export function known(facts: KeyFacts, maxEntries: number): Known {
  // By the object first: hashing the bytes costs ten times as much as comparing them.
  const byObject = new WeakMap<Uint8Array, Entry>()
  const byHash = new Map<string, Entry>()
  const entryOf = (certificate: Uint8Array): Entry => {
    // Whatever is too large is left to the fallback, which refuses it.
    if (certificate.length > facts.limits.maxCertificateBytes) throw new Error("too large")
    const seen = byObject.get(certificate)
    if (seen?.bytes.equals(certificate)) return seen
    const key = hash("sha256", certificate, "hex")
    const entry = byHash.get(key) ?? { bytes: Buffer.from(certificate), signers: [] }
    // Deleting and setting moves it to the end: a Map keeps the order of insertion.
    byHash.delete(key)
    byHash.set(key, entry)
    for (const oldest of byHash.keys()) {
      if (byHash.size <= maxEntries) break
      byHash.delete(oldest)
    }
    byObject.set(certificate, entry)
    return entry
  }
  const askRecipient = async (entry: Entry, now: number, { signal }: CallOptions) => {
    const { holds, key } = await facts.encryptionKey(entry.bytes, { now: new Date(now), signal })
    const imported = key && importPublicKey(key)
    const usable = imported?.kind === "encryption" ? imported : undefined
    const recipient = usable && { certificate: usable.certificate, key: usable }
    entry.encryption = { holds, recipient }
    return recipient
  }
  const askSigners = async (entry: Entry, now: number, signedAt: number, { signal }: CallOptions) => {
    const asked = { now: new Date(now), signedAt: new Date(signedAt), signal }
    const { keys, ...spans } = await facts.signers(entry.bytes, asked)
    const usable = keys.map(importPublicKey).filter((key) => key?.kind === "signing")
    const found = { ...spans, keys: usable }
    entry.signers = [found, ...entry.signers].slice(0, SIGNERS_KEPT)
    return within(signedAt, now, found) ? usable : []
  }
  return {
    recipient(certificate, now, options) {
      const entry = entryOf(certificate)
      const { encryption } = entry
      return encryption && isIn(now, encryption.holds) ? encryption.recipient : askRecipient(entry, now, options)
    },
    signers(certificate, now, signedAt, options) {
      const entry = entryOf(certificate)
      const kept = entry.signers.find((one) => isIn(now, one.holds) && isIn(signedAt, one.signedAt))
      if (kept === undefined) return askSigners(entry, now, signedAt, options)
      return within(signedAt, now, kept) ? kept.keys : []
    },
  }
}

/** Does the moment lie in the span? */
export function isIn(moment: number, { from, until }: TimeSpan): boolean {
  return moment >= from && moment < until
}

/** Is the signature not from the future? */
function within(signedAt: number, now: number, { toleranceMs }: { readonly toleranceMs: number }): boolean {
  return signedAt <= now + toleranceMs
}

/** Is it the key that a signature names? */
export function isNamed(key: SigningKey, keyId: Buffer, fingerprint: Buffer | undefined): boolean {
  return key.keyId.equals(keyId) && (fingerprint === undefined || key.fingerprint.equals(fingerprint))
}

/** The bytes to give out: no view of a larger buffer. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(view(bytes))
}
