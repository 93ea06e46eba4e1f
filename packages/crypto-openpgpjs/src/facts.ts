import { fingerprint, throwIfAborted } from "@aurochs/core"
import type { KeyChoice, KeyFact, KeyFacts } from "@aurochs/crypto"
import type { Checked, KeyPacket } from "./checked.ts"
import { decryptionKeys, encryptionKey, momentFor, signingKey } from "./choose.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { CLOCK_SKEW_MS, isWeak, type Unfit, type Usable } from "./judge.ts"
import type { Keyring } from "./secrets.ts"
import { spanAround } from "./span.ts"
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
