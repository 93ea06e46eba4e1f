import type { Fingerprint } from "@aurochs/core"

/** What became of one signature. The fingerprints are those of primary keys, also when a subkey signed. */
export type SignatureVerdict =
  /** An engine with `valid-only` verdicts may give the time of verifying as `signedAt`: nothing may be told apart by it. */
  | { readonly kind: "valid"; readonly certificate: Fingerprint; readonly signedAt: Date }
  /** The key was there and the arithmetic failed: somebody altered the text. */
  | { readonly kind: "invalid"; readonly certificate?: Fingerprint | undefined }
  /** No certificate given made it, or the engine cannot say. */
  | {
      readonly kind: "unverified"
      readonly reason: "unknown-key" | "undetermined"
      readonly issuer?: string | undefined
    }
  /** The arithmetic is right or was not done, but this key's signatures do not count. */
  | {
      readonly kind: "unverified"
      readonly reason: "unusable-key"
      readonly certificate: Fingerprint
      readonly because: "expired" | "revoked" | "weak" | "no-sign-flag" | "not-yet-valid"
    }

/** A message that was opened. Nothing of it counts before `signatures` were looked at. */
export interface Opened {
  readonly plaintext: Uint8Array
  /** Was it encrypted? False for a message that was only signed. */
  readonly encrypted: boolean
  /** Primary key of ours that it was encrypted to, where the engine tells. */
  readonly encryptedTo?: Fingerprint | undefined
  /** One for each signature; none means it was not signed. */
  readonly signatures: readonly SignatureVerdict[]
}
