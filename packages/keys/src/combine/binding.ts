import type { KnownKey } from "@aurochs/core"
import type { BindingSource } from "../directory.ts"
import type { TrustPolicy } from "../policy.ts"

/**
 * Lets other sources than PEP bind a key, for owners who announce nothing over PEP: there, and only there, a key that
 * one of these sources vouches for is judged by `policy` as if the account had announced it. As soon as the account ever
 * announced a key, only what it announces counts. A key server vouches for nothing, and cannot be named.
 *
 * @param sources whose word is taken: `dnssec` (the domain's operator and everybody above him in the DNS), `https-domain`
 * (who runs the domain's web server, and every certificate authority)
 */
export function binding(policy: TrustPolicy, sources: readonly BindingSource[]): TrustPolicy {
  const vouched = (key: KnownKey) => sources.some((source) => source === key.binds)
  return (key, facts) => {
    if ([key, ...facts.others].some((one) => one.binds === "account")) return policy(key, facts)
    const asAnnounced = (one: KnownKey): KnownKey =>
      vouched(one) ? { ...one, binds: "account", announced: true } : one
    return policy(asAnnounced(key), { ...facts, others: facts.others.map(asAnnounced) })
  }
}
