import type { TimeSpan } from "@aurochs/crypto"
import type { Checked } from "./checked.ts"
import { CLOCK_SKEW_MS, keyExpiry } from "./judge.ts"

/**
 * The longest span around a moment in which no judgement of this key can change. Every judgement compares the moment, or
 * the moment moved by the tolerance, with the times that stand in the certificate and with nothing else; a change falls
 * on one of those times or, where the comparison is strict, one millisecond after it.
 */
export function spanAround(key: Checked, at: number): TimeSpan {
  let from = Number.NEGATIVE_INFINITY
  let until = Number.POSITIVE_INFINITY
  for (const time of timesOf(key)) {
    for (const change of [time - CLOCK_SKEW_MS, time, time + CLOCK_SKEW_MS]) {
      for (const edge of [change, change + 1]) {
        if (edge <= at && edge > from) from = edge
        if (edge > at && edge < until) until = edge
      }
    }
  }
  return { from, until }
}

/** Every time that a judgement may compare with; some are infinite. */
function* timesOf(key: Checked): Iterable<number> {
  const onPrimary = [...key.direct, ...key.users.flatMap((user) => user.self)]
  yield key.primary.created.getTime()
  for (const self of onPrimary) yield* [self.createdAt, self.expiresAt, keyExpiry(key.primary, self.packet)]
  for (const one of [...key.revocations, ...key.users.flatMap((user) => user.revocations)]) yield one.createdAt
  for (const subkey of key.subkeys) {
    yield subkey.packet.created.getTime()
    for (const one of subkey.bindings) {
      yield* [one.createdAt, one.expiresAt, keyExpiry(subkey.packet, one.packet)]
    }
    for (const one of subkey.revocations) yield one.createdAt
  }
}
