import { fingerprint, throwIfAborted } from "@aurochs/core"
import type { KeyChoice, KeyFact, KeyFacts, TimeSpan } from "@aurochs/crypto"
import type { Checked, KeyPacket } from "./checked.ts"
import { decryptionKeys, encryptionKey, momentFor, signingKey } from "./choose.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { CLOCK_SKEW_MS, isWeak, keyExpiry, type Unfit, type Usable } from "./judge.ts"
import type { Keyring } from "./secrets.ts"
import { everyKey, keyUnusable } from "./verdict.ts"

/** What this provider decides about keys, for engines that do the arithmetic themselves. */
export function keyFacts(context: Context, keys: Keyring): KeyFacts {
  const { clock, limits, config } = context
  return {
    clock,
    limits,
    async encryptionKey(certificate, options) {
      const now = momentOf(context, options)
      const key = await readCertificate(context, certificate, options)
      return choice(key, encryptionKey(key, now.getTime(), config), now)
    },
    async signingKey(handle, options) {
      throwIfAborted(options)
      const now = momentOf(context, options)
      return keys.use(handle, async ({ checked }) => choice(checked, signingKey(checked, now.getTime(), config), now))
    },
    async decryptionKeys(handle, options) {
      throwIfAborted(options)
      return keys.use(handle, async ({ checked }) => decryptionKeys(checked).map(({ packet }) => fact(packet, checked)))
    },
    async signers(certificate, { now, signedAt, signal }) {
      const at = momentOf(context, { now }).getTime()
      const made = momentOf(context, { now: signedAt }).getTime()
      const key = await readCertificate(context, certificate, { signal })
      const counting = everyKey(key).filter(
        (one) => !isWeak(one.packet, config) && keyUnusable(made, key, one, at, config) === undefined,
      )
      return {
        holds: spanAround(key, at),
        signedAt: spanAround(key, made),
        toleranceMs: CLOCK_SKEW_MS,
        keys: counting.map(({ packet }) => fact(packet, key)),
      }
    },
  }
}

function choice(key: Checked, usable: Usable | Unfit, now: Date): KeyChoice {
  const holds = spanAround(key, now.getTime())
  if (typeof usable === "string") return { holds, key: undefined, madeAt: now.getTime() }
  return { holds, key: fact(usable.packet, key), madeAt: momentFor(usable, new Date(0)).getTime() }
}

/** The library's packets write their public half by a method that its types leave out. */
interface WithPublicKey {
  writePublicKey(): Uint8Array
}

function fact(packet: KeyPacket, key: Checked): KeyFact {
  return {
    fingerprint: fingerprint(packet.getFingerprint()),
    certificate: key.fingerprint,
    publicKey: (packet as unknown as WithPublicKey).writePublicKey().slice(),
  }
}

/**
 * The longest span around a moment in which no judgement of this key can change. Every judgement compares the moment, or
 * the moment moved by the tolerance, with the times that stand in the certificate and with nothing else; a change falls
 * on one of those times or, where the comparison is strict, one millisecond after it.
 */
function spanAround(key: Checked, at: number): TimeSpan {
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
