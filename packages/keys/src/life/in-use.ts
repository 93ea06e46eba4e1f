import type { Fingerprint } from "@aurochs/core"
import type { Reading } from "../reading.ts"
import type { OwnSecret } from "./parts.ts"
import type { Rotation } from "./rotation.ts"

/**
 * The key that signs: the newest that the list has, else the newest.
 *
 * @param own oldest first
 */
export function inUse(own: readonly OwnSecret[], listed: { has(print: Fingerprint): boolean }): OwnSecret | undefined {
  const usable = own.filter(({ unusable }) => unusable === undefined)
  return usable.findLast(({ info }) => listed.has(info.fingerprint)) ?? usable.at(-1)
}

/**
 * What is to become of a rotation whose overlap is over.
 *
 * @param announced {@link goodIn} the account's own list
 * @returns `due`: the old key can go; `over`: the new one was revoked, the old one stays; `not-yet`: the new one is not
 *   here, or not announced, or cannot be used now
 */
export function stateOf(
  { from, to }: Pick<Rotation, "from" | "to">,
  own: readonly OwnSecret[],
  announced: ReadonlySet<Fingerprint>,
): "due" | "over" | "not-yet" {
  const young = own.find(({ info }) => info.fingerprint === to)
  if (young?.info.revokedAt !== undefined) return "over"
  if (young === undefined || young.unusable !== undefined || !announced.has(to)) return "not-yet"
  return inUse(own, announced)?.info.fingerprint === from ? "not-yet" : "due"
}

/** Whose certificate the list has, as one that is not revoked: another client may have revoked it. */
export function goodIn(reading: Reading): ReadonlySet<Fingerprint> {
  const good = [...reading.found].filter(([, { info, found }]) => found.binds === "account" && !info.revokedAt)
  return new Set(good.map(([print]) => print))
}
