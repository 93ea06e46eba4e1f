import type { KeyObject } from "node:crypto"
import type { CallOptions, Fingerprint } from "@aurochs/core"
import type { KeyFacts, SecretKey, SecretTransfer, TimeSpan } from "@aurochs/crypto"
import { isIn } from "./known.ts"
import { view } from "./packets.ts"
import { type EncryptionKey, importPublicKey } from "./public-key.ts"
import { importSecretKeys } from "./secret-key.ts"
import type { Signer } from "./signature.ts"

/** A key that messages may be encrypted to. */
export interface DecryptionKey {
  readonly certificate: Fingerprint
  readonly keyId: Buffer
  /** Undefined: of a kind that this engine does not compute with. */
  readonly own: { readonly privateKey: KeyObject; readonly publicKey: EncryptionKey } | undefined
}

/** What signs, and not before which moment. */
export interface OwnSigner {
  readonly signer: Signer
  /** Milliseconds since 1970. */
  readonly madeAt: number
}

/** Handles on the fallback's secret keys, with the keys themselves as OpenSSL has them. */
export interface Handles {
  /** A handle of ours for one of the fallback's. */
  wrap(inner: SecretKey): SecretKey
  /** The fallback's handle; what is not ours, or was disposed, stays as it is: the fallback takes its own, and no other. */
  unwrap(handle: SecretKey): SecretKey
  /**
   * The keys that decrypt, in the fallback's order; undefined for a handle that is not ours or whose keys do not leave
   * the fallback.
   *
   * @throws {AurochsError} what the fallback throws
   */
  decryptionKeys(
    handle: SecretKey,
    options: CallOptions,
  ): readonly DecryptionKey[] | undefined | Promise<readonly DecryptionKey[] | undefined>
  /** The key that signs; undefined likewise, and where it is of another kind or there is none. */
  signer(handle: SecretKey, now: number, options: CallOptions): OwnSigner | undefined | Promise<OwnSigner | undefined>
}

interface Entry {
  readonly inner: SecretKey
  /** Private keys by fingerprint, once they were asked for. */
  imported?: Promise<ReadonlyMap<string, KeyObject>> | undefined
  decryption?: readonly DecryptionKey[] | undefined
  signing?: { readonly holds: TimeSpan; readonly own: OwnSigner | undefined } | undefined
}

/**
 * No handle yet.
 *
 * @param secrets undefined: the keys do not leave the fallback, and so everything that needs one is its own
 */
export function handles(facts: KeyFacts, secrets: SecretTransfer | undefined): Handles {
  const entries = new WeakMap<SecretKey, Entry>()
  const importedOf = (entry: Entry, transfer: SecretTransfer) => {
    const asked = entry.imported ?? importKeys(entry.inner, transfer)
    entry.imported = asked
    // What failed once, e.g. while something was locked, is asked again.
    asked.catch(() => {
      if (entry.imported === asked) entry.imported = undefined
    })
    return asked
  }
  const askDecryption = async (entry: Entry, transfer: SecretTransfer, { signal }: CallOptions) => {
    const imported = await importedOf(entry, transfer)
    const keys = await facts.decryptionKeys(entry.inner, { signal })
    entry.decryption = keys.map((fact) => {
      const privateKey = imported.get(fact.fingerprint)
      const publicKey = importPublicKey(fact)
      const isOurs = privateKey !== undefined && publicKey?.kind === "encryption"
      const keyId = Buffer.from(fact.fingerprint, "hex").subarray(12)
      return { certificate: fact.certificate, keyId, own: isOurs ? { privateKey, publicKey } : undefined }
    })
    return entry.decryption
  }
  const askSigning = async (entry: Entry, transfer: SecretTransfer, now: number, { signal }: CallOptions) => {
    const imported = await importedOf(entry, transfer)
    const { holds, key, madeAt } = await facts.signingKey(entry.inner, { now: new Date(now), signal })
    const privateKey = key && imported.get(key.fingerprint)
    const publicKey = key && importPublicKey(key)
    const own =
      privateKey !== undefined && publicKey?.kind === "signing"
        ? { signer: { privateKey, keyId: publicKey.keyId, fingerprint: publicKey.fingerprint }, madeAt }
        : undefined
    entry.signing = { holds, own }
    return own
  }
  return {
    wrap(inner) {
      const handle: SecretKey = {
        certificate: inner.certificate,
        async [Symbol.asyncDispose]() {
          // With the entry go the last references to OpenSSL's keys, which wipe themselves.
          entries.delete(handle)
          await inner[Symbol.asyncDispose]()
        },
      }
      entries.set(handle, { inner })
      return handle
    },
    unwrap: (handle) => entries.get(handle)?.inner ?? handle,
    decryptionKeys(handle, options) {
      const entry = entries.get(handle)
      if (entry === undefined || secrets === undefined) return undefined
      return entry.decryption ?? askDecryption(entry, secrets, options)
    },
    signer(handle, now, options) {
      const entry = entries.get(handle)
      if (entry === undefined || secrets === undefined) return undefined
      const { signing } = entry
      return signing && isIn(now, signing.holds) ? signing.own : askSigning(entry, secrets, now, options)
    },
  }
}

/** Takes the secret keys over from the fallback, once; the bytes in between are wiped. */
async function importKeys(inner: SecretKey, secrets: SecretTransfer): Promise<ReadonlyMap<string, KeyObject>> {
  const transferable = await secrets.export(inner, { passphrase: "none" })
  try {
    return importSecretKeys(view(transferable))
  } finally {
    transferable.fill(0)
  }
}
