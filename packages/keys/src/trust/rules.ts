import { type Fingerprint, fingerprint, type KnownKey } from "@aurochs/core"
import type { Accepted, AcceptRule } from "../common-rules.ts"
import type { Certifiers } from "./certifiers.ts"

/** A certifies B certifies C …: so long may such a chain be. */
const MAX_CHAIN = 8

/**
 * Accepts these keys.
 *
 * @param fingerprints of primary keys
 * @throws {AurochsError} `BAD_DATA` (`what: "fingerprint"`)
 */
export function configuredKeys(fingerprints: readonly Fingerprint[]): AcceptRule {
  const pins = new Set(fingerprints.map((one) => fingerprint(one)))
  return (key) => (pins.has(key.fingerprint) ? { level: "verified", because: "pinned" } : undefined)
}

/** Accepts what the operator verified by hand. */
export function verifiedKeys(): AcceptRule {
  return (key) => (key.approval === "verified" ? { level: "verified", because: "by-hand" } : undefined)
}

/** Accepts the keys of the first list that was read: `refreshKeys` stamps them with one instant. */
export function firstKeys(): AcceptRule {
  return (key, all) => (isFirst(key, all) ? { level: "first-use", because: "first-key" } : undefined)
}

/** Accepts what the account announces, until the operator verified a key of it (XEP-0450 §6.1). */
export function announcedKeys(): AcceptRule {
  return (key, all) => {
    if (key.binds !== "account" || all.some((one) => one.approval === "verified")) return undefined
    return { level: "blind", because: isFirst(key, all) ? "first-key" : "new-key" }
  }
}

/** Accepts what any of these rules accepts; the first that does says how. */
export function either(...rules: readonly AcceptRule[]): AcceptRule {
  return (key, all, certifiers) => {
    for (const rule of rules) {
      const accepted = rule(key, all, certifiers)
      if (accepted !== undefined) return accepted
    }
    return undefined
  }
}

/**
 * Accepts what `rule` accepts, and keys of the account that such a key certifies, or one certified so: `introduced`,
 * `certified`. Keys that were accepted blindly, or that the operator distrusts, vouch for nothing; what a revoked key is
 * worth as a certifier, the engine has judged (`CryptoProvider.certifiedBy`).
 */
export function introducing(rule: AcceptRule): AcceptRule {
  return (key, all, certifiers) => rule(key, all, certifiers) ?? introduced(rule, key, all, certifiers)
}

function introduced(
  rule: AcceptRule,
  key: KnownKey,
  all: readonly KnownKey[],
  certifiers: Certifiers,
): Accepted | undefined {
  // Whoever certifies a key that is not the account's own says nothing of this account.
  if (key.binds !== "account") return undefined
  const seen = new Set([key.fingerprint])
  let step = [key.fingerprint]
  for (let length = 0; length < MAX_CHAIN && step.length > 0; length++) {
    const certifying = step.flatMap((print) => certifiers.get(print) ?? []).filter((print) => !seen.has(print))
    for (const print of certifying) seen.add(print)
    step = []
    for (const by of all.filter((one) => certifying.includes(one.fingerprint) && one.approval !== "distrusted")) {
      const accepted = rule(by, all, certifiers)
      if (accepted !== undefined && accepted.level !== "blind") return { level: "introduced", because: "certified" }
      step.push(by.fingerprint)
    }
  }
  return undefined
}

/** Was it there when the account's keys were first seen? A key that nothing binds to the account is only a candidate. */
function isFirst(key: KnownKey, all: readonly KnownKey[]): boolean {
  if (key.binds !== "account") return false
  const counted = all.filter((one) => one.binds === "account" || one.approval === "verified")
  return counted.every((one) => key.firstSeen.getTime() <= one.firstSeen.getTime())
}
