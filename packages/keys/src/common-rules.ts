import type { KnownKey, TrustDecision } from "@aurochs/core"
import type { TrustFacts, TrustPolicy } from "./policy.ts"
import { findUserId } from "./user-id.ts"

/** How an accepted key's owner is known. */
export type Accepted = Pick<TrustDecision, "level" | "because">

/**
 * What makes one policy different from another: is this key accepted at all? Undefined: no, it is quarantined.
 *
 * @param all every known key of the owner, this one included
 */
export type AcceptRule = (key: KnownKey, all: readonly KnownKey[]) => Accepted | undefined

/**
 * Makes a policy of a rule. What holds under every policy comes first, the first that applies decides:
 *
 * | fact | decision |
 * |---|---|
 * | the operator distrusts it | never, `distrusted`, `by-hand` |
 * | revoked | never, `quarantined`, `revoked` |
 * | no valid User ID `xmpp:` + owner | never, `quarantined`, `no-user-id` |
 * | the rule does not accept it | never, `quarantined`, `new-key` (`not-announced` if no list ever named it) |
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
    const accepted = accept(key, all)
    if (accepted === undefined) {
      const because = key.binds === "account" || key.announced ? "new-key" : "not-announced"
      return { use: "never", level: "quarantined", because }
    }
    if (isExpired(facts)) return { use: "verify-only", level: accepted.level, because: "expired" }
    if (key.announced) return { use: "encrypt+verify", ...accepted }
    const listDecides = !options.withoutList || facts.others.some((other) => isInUse(other, all, accept))
    if (listDecides) return { use: "verify-only", level: accepted.level, because: "not-announced" }
    return { use: "encrypt+verify", ...accepted }
  }
}

function refusal(key: KnownKey, facts: TrustFacts): TrustDecision | undefined {
  if (key.approval === "distrusted") return { use: "never", level: "distrusted", because: "by-hand" }
  if (facts.info.revokedAt !== undefined) return { use: "never", level: "quarantined", because: "revoked" }
  // When the certificate itself has expired, so have the self-signatures that carry its expiry.
  const counts = isExpired(facts) ? (["valid", "expired"] as const) : (["valid"] as const)
  if (findUserId(facts.info, key.owner, counts) === undefined) {
    return { use: "never", level: "quarantined", because: "no-user-id" }
  }
  return undefined
}

function isExpired({ info, now }: TrustFacts): boolean {
  return info.expiresAt !== undefined && info.expiresAt.getTime() <= now.getTime()
}

function isInUse(key: KnownKey, all: readonly KnownKey[], accept: AcceptRule): boolean {
  return key.announced && key.approval !== "distrusted" && accept(key, all) !== undefined
}
