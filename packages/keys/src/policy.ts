import type { Fingerprint, KnownKey, TrustDecision } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"

/** What a policy may look at besides the key itself. */
export interface TrustFacts {
  /** The owner's other known keys. */
  readonly others: readonly KnownKey[]
  /** The certificate, judged at `now`. */
  readonly info: CertificateInfo
  readonly now: Date
  /**
   * Which of the owner's known keys certify which: by the fingerprint of the certified one, this key's own among them.
   * Absent where the engine cannot tell: then nobody vouches for anything.
   */
  readonly certifiers?: ReadonlyMap<Fingerprint, readonly Fingerprint[]> | undefined
}

/** Decides whether and for what a key is used. Pure: the same facts, the same answer. */
export type TrustPolicy = (key: KnownKey, facts: TrustFacts) => TrustDecision
