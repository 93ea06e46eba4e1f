import type { CallOptions, Certificate, Fingerprint } from "@aurochs/core"
import type { At } from "./at.ts"
import type { Limits } from "./limits.ts"

/** The key that one message is encrypted with, as an engine that holds the secret key recovered it. */
export interface SessionKey {
  /** Symmetric algorithm by its number, e.g. 9 for AES-256 (RFC 9580 §9.3). */
  readonly algorithm: number
  /** As many bytes as the algorithm takes; the caller wipes them. */
  readonly bytes: Uint8Array
}

/** Options of `CryptoProvider.openWithSessionKey`. */
export interface SessionKeyOptions extends CallOptions, At {
  readonly sessionKey: SessionKey
  /** Primary key of ours that the message was encrypted to, if the other engine told (attack A1). */
  readonly encryptedTo?: Fingerprint | undefined
  /** The only certificates whose signatures can be `valid`. */
  readonly verifyWith: readonly Certificate[]
  readonly limits?: Partial<Limits> | undefined
}
