import type { CallOptions, Clock, Fingerprint } from "@aurochs/core"
import type { TimeSpan } from "./at.ts"
import type { SecretKey } from "./certificate.ts"
import type { Limits } from "./limits.ts"

/** One key of a certificate: its primary key or a subkey. */
export interface KeyFact {
  /** Of this key itself. */
  readonly fingerprint: Fingerprint
  /** Of the certificate's primary key. */
  readonly certificate: Fingerprint
  /** Body of its public key packet (RFC 9580 §5.5.2). */
  readonly publicKey: Uint8Array
}

/** Which key is to be used, and for which moments of use that is so; or that there is none. */
export interface KeyChoice {
  readonly holds: TimeSpan
  /** Undefined: there is none; the provider's own call says why. */
  readonly key: KeyFact | undefined
  /**
   * When all that speaks for the key had been made, in milliseconds since 1970: what is signed with it must not carry an
   * earlier time.
   */
  readonly madeAt: number
}

/** Whose signatures count, and in which spans that is so. */
export interface SignerFacts {
  /** Of the moment at which it is asked. */
  readonly holds: TimeSpan
  /** Of the time that a signature carries. */
  readonly signedAt: TimeSpan
  /** A signature may be this many milliseconds younger than the moment at which it is judged. */
  readonly toleranceMs: number
  /** May be none. */
  readonly keys: readonly KeyFact[]
}

/**
 * What a provider has found out about keys, for an engine that does the arithmetic itself and leaves every decision about
 * certificates to this one. A decision comes with the span of time in which it holds, so that it can be kept: for the
 * same bytes it is the same.
 */
export interface KeyFacts {
  /** What the provider takes where a call gives no moment. */
  readonly clock: Clock
  /** What the provider takes where a call gives no bounds. */
  readonly limits: Limits
  /**
   * The key that `signcrypt` and `encrypt` encrypt to.
   *
   * @throws {AurochsError} `BAD_DATA` (`certificate`), `ABORTED`
   */
  encryptionKey(certificate: Uint8Array, options: CallOptions & { readonly now: Date }): Promise<KeyChoice>
  /**
   * The key that `signcrypt` and `sign` sign with.
   *
   * @throws {AurochsError} `BACKEND` (a handle that was disposed, or of another provider), `ABORTED`
   */
  signingKey(key: SecretKey, options: CallOptions & { readonly now: Date }): Promise<KeyChoice>
  /**
   * The keys that `open` decrypts with; they are the same at every moment.
   *
   * @throws {AurochsError} as `signingKey`
   */
  decryptionKeys(key: SecretKey, options?: CallOptions): Promise<readonly KeyFact[]>
  /**
   * The keys whose signatures, made at `signedAt` and without an end of their own, `open` calls valid if their arithmetic
   * is right.
   *
   * @throws {AurochsError} as `encryptionKey`
   */
  signers(
    certificate: Uint8Array,
    options: CallOptions & { readonly now: Date; readonly signedAt: Date },
  ): Promise<SignerFacts>
}
