import type { Fingerprint, KnownKey, TrustDecision } from "@aurochs/core"
import type { TrustFacts, TrustPolicy } from "./policy.ts"
import { findUserId } from "./user-id.ts"

/** How an accepted key's owner is known. */
export type Accepted = Pick<TrustDecision, "level" | "because">

/**
 * What makes one policy different from another: is this key accepted at all? Undefined: no, it is quarantined.
 *
 * @param all every known key of the owner, this one included
 * @param certifiers which of them certify which; empty where the engine cannot tell
 */
export type AcceptRule = (
  key: KnownKey,
  all: readonly KnownKey[],
  certifiers: ReadonlyMap<Fingerprint, readonly Fingerprint[]>,
) => Accepted | undefined

/**
 * Makes a policy of a rule. What holds under every policy comes first, the first that applies decides:
 *
 * | fact | decision |
 * |---|---|
 * | the operator distrusts it | never, `distrusted`, `by-hand` |
 * | revoked as compromised, or without a reason | never, `quarantined`, `revoked` |
 * | no valid User ID `xmpp:` + owner | never, `quarantined`, `no-user-id` |
 * | the rule does not accept it | never, `quarantined`, `new-key` (`not-announced` if no list ever named it) |
 * | revoked as superseded or retired | verify only, level of the rule, `revoked` |
 * | expired | verify only, level of the rule, `expired` |
 * | no longer announced | verify only, level of the rule, `not-announced` |
 * | else | encrypt and verify, as the rule says |
 *
 * @param options.withoutList accepted keys stay in use as long as no accepted key is announced: then a server that
 * empties or replaces the list changes nothing (attack A5)
 */
export function policyOf(accept: AcceptRule, options: { readonly withoutList: boolean }): TrustPolicy {
  return (key, facts) => {
    const refused = refusal(key, facts)
    if (refused !== undefined) return refused
    const all = [key, ...facts.others]
    const certifiers = facts.certifiers ?? NOBODY
    const accepted = accept(key, all, certifiers)
    if (accepted === undefined) {
      const because = key.binds === "account" || key.announced ? "new-key" : "not-announced"
      return { use: "never", level: "quarantined", because }
    }
    // What it signs from then on, the engine refuses.
    if (isSoftlyRevoked(facts)) return { use: "verify-only", level: accepted.level, because: "revoked" }
    if (isExpired(facts)) return { use: "verify-only", level: accepted.level, because: "expired" }
    if (key.announced) return { use: "encrypt+verify", ...accepted }
    const listDecides = !options.withoutList || facts.others.some((other) => isInUse(other, all, accept, certifiers))
    if (listDecides) return { use: "verify-only", level: accepted.level, because: "not-announced" }
    return { use: "encrypt+verify", ...accepted }
  }
}

const NOBODY: ReadonlyMap<Fingerprint, readonly Fingerprint[]> = new Map()
const VALID = ["valid"] as const
const VALID_OR_EXPIRED = ["valid", "expired"] as const

function refusal(key: KnownKey, facts: TrustFacts): TrustDecision | undefined {
  if (key.approval === "distrusted") return { use: "never", level: "distrusted", because: "by-hand" }
  if (facts.info.revokedAt !== undefined && !isSoftlyRevoked(facts))
    return { use: "never", level: "quarantined", because: "revoked" }
  // When the certificate itself has expired, so have the self-signatures that carry its expiry.
  const counts = isExpired(facts) ? VALID_OR_EXPIRED : VALID
  if (findUserId(facts.info, key.owner, counts) === undefined) {
    return { use: "never", level: "quarantined", because: "no-user-id" }
  }
  return undefined
}

function isExpired({ info, now }: TrustFacts): boolean {
  return info.expiresAt !== undefined && info.expiresAt.getTime() <= now.getTime()
}

function isSoftlyRevoked({ info }: TrustFacts): boolean {
  return info.revokedAt !== undefined && info.revocation === "soft"
}

function isInUse(
  key: KnownKey,
  all: readonly KnownKey[],
  accept: AcceptRule,
  certifiers: ReadonlyMap<Fingerprint, readonly Fingerprint[]>,
): boolean {
  return key.announced && key.approval !== "distrusted" && accept(key, all, certifiers) !== undefined
}
