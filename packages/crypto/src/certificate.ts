import type { Certificate } from "@aurochs/core"
import type { TimeSpan } from "./at.ts"

/** A User ID with what the certificate itself says of it. Only `valid` counts: anyone can graft an unsigned one. */
export interface UserId {
  /** Verbatim, e.g. `xmpp:juliet@example.org` (XEP-0373 §8.5). */
  readonly text: string
  /**
   * Of the User ID alone, at `now`: whether the key has expired or was revoked is said of the key. `unsigned`: the owner
   * never signed it, or not yet.
   */
  readonly status: "valid" | "revoked" | "expired" | "unsigned"
}

/** What a certificate says, judged at one moment (`now` of the call). */
export interface CertificateInfo extends Certificate {
  readonly userIds: readonly UserId[]
  readonly createdAt: Date
  /** Undefined: it does not expire. */
  readonly expiresAt?: Date | undefined
  /** A revocation as compromised, or without a reason, is told whatever `now` is: it counts for all time. */
  readonly revokedAt?: Date | undefined
  /**
   * `soft` (superseded, retired): what was signed before still counts. `hard` (compromised, or no reason): nothing does
   * (RFC 9580 §5.2.3.31). An engine that cannot tell leaves it out; that counts as hard.
   */
  readonly revocation?: "soft" | "hard" | undefined
  /** Is there a key that may be encrypted to, now? */
  readonly canEncrypt: boolean
  /** Is there a key whose signatures count, now? */
  readonly canSign: boolean
  /** Of the primary key, e.g. `ed25519Legacy`, `rsa3072`. */
  readonly algorithm: string
  /**
   * For which moments the same bytes say exactly this, so that whoever asks again within them need not; absent where the
   * engine does not tell.
   */
  readonly holds?: TimeSpan | undefined
}

/**
 * A handle on a secret key, which may live in memory, in an agent or on a card. Disposing it forgets what is in memory
 * and never deletes a key. Only the provider that made it can use it.
 */
export interface SecretKey extends AsyncDisposable {
  readonly certificate: Certificate
}
