import { type Fingerprint, fingerprint, type KnownKey } from "@aurochs/core"
import { type Accepted, policyOf } from "./common-rules.ts"
import type { TrustPolicy } from "./policy.ts"

const byHand: Accepted = { level: "verified", because: "by-hand" }

/**
 * Only these keys, and those the operator verified by hand, are used: they hold against a hostile server from the first
 * message (attack A5). Always the policy for one's own account. They stay in use when the server's list names none of
 * them.
 *
 * @param fingerprints of primary keys
 * @throws {AurochsError} `BAD_DATA` (`what: "fingerprint"`)
 */
export function pinned(fingerprints: readonly Fingerprint[]): TrustPolicy {
  const pins = new Set(fingerprints.map((one) => fingerprint(one)))
  return policyOf(
    (key) => {
      if (pins.has(key.fingerprint)) return { level: "verified", because: "pinned" }
      return key.approval === "verified" ? byHand : undefined
    },
    { withoutList: true },
  )
}

/**
 * Trust on first use: the keys of the first list that was read are used, later ones only once the operator approved
 * them. The first list is made of the keys that were seen first, at one instant (`refreshKeys` stamps them so). They
 * stay in use when the server's list names none of them.
 */
export function tofu(): TrustPolicy {
  return policyOf(
    (key, all) => {
      if (key.approval === "verified") return byHand
      return isFirst(key, all) ? { level: "first-use", because: "first-key" } : undefined
    },
    { withoutList: true },
  )
}

/**
 * Every announced key is used until the operator verified one of this owner; from then on only verified keys, also
 * among those that were used before (XEP-0450 §6.1).
 */
export function blindBeforeVerification(): TrustPolicy {
  return policyOf(
    (key, all) => {
      if (key.approval === "verified") return byHand
      if (key.binds !== "account" || all.some((one) => one.approval === "verified")) return undefined
      return { level: "blind", because: isFirst(key, all) ? "first-key" : "new-key" }
    },
    { withoutList: false },
  )
}

/** Only keys that the operator verified by hand are used. */
export function verifiedOnly(): TrustPolicy {
  return policyOf((key) => (key.approval === "verified" ? byHand : undefined), { withoutList: false })
}

/** Was it there when the account's keys were first seen? A key that nothing binds to the account is only a candidate. */
function isFirst(key: KnownKey, all: readonly KnownKey[]): boolean {
  if (key.binds !== "account") return false
  const counted = all.filter((one) => one.binds === "account" || one.approval === "verified")
  return counted.every((one) => key.firstSeen.getTime() <= one.firstSeen.getTime())
}
