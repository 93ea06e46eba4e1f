import type { Fingerprint } from "@aurochs/core"
import { policyOf } from "./common-rules.ts"
import type { TrustPolicy } from "./policy.ts"
import { announcedKeys, configuredKeys, either, firstKeys, introducing, verifiedKeys } from "./trust/rules.ts"

/**
 * Only these keys, and those the operator verified by hand, are used: they hold against a hostile server from the first
 * message (attack A5). Always the policy for one's own account. They stay in use when the server's list names none of
 * them.
 *
 * @param fingerprints of primary keys
 * @throws {AurochsError} `BAD_DATA` (`what: "fingerprint"`)
 */
export function pinned(fingerprints: readonly Fingerprint[]): TrustPolicy {
  return policyOf(either(configuredKeys(fingerprints), verifiedKeys()), { withoutList: true })
}

/**
 * Trust on first use: the keys of the first list that was read are used; a later one only if one of them, or one that
 * the operator verified, certifies it, or once the operator approved it. The first list is made of the keys that were
 * seen first, at one instant (`refreshKeys` stamps them so). They stay in use when the server's list names none of them.
 */
export function tofu(): TrustPolicy {
  return policyOf(introducing(either(verifiedKeys(), firstKeys())), { withoutList: true })
}

/**
 * Every announced key is used until the operator verified one of this owner; from then on only verified keys, also
 * among those that were used before (XEP-0450 §6.1).
 */
export function blindBeforeVerification(): TrustPolicy {
  return policyOf(either(verifiedKeys(), announcedKeys()), { withoutList: false })
}

/** Only keys that the operator verified by hand are used. */
export function verifiedOnly(): TrustPolicy {
  return policyOf(verifiedKeys(), { withoutList: false })
}
