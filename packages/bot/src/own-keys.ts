import type { BareJid, CallOptions, Certificate, Fingerprint, KnownKey } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { chooseKeys, isGone, judgeKeys, ownKnownKeys as knownAsHeld, pinned, type TrustPolicy } from "@aurochs/keys"
import type { RecentKeys } from "./recent-keys.ts"

/** The account's own keys, once they are ready. */
export interface OwnKeys {
  /** Signs and is announced. */
  readonly current: SecretKey
  /** Every key that is held here, the old ones too: for old messages. */
  readonly all: readonly SecretKey[]
}

/** For one's own account only what is held here or was approved by hand counts: else the server could add a key. */
export function ownTrust(own: OwnKeys): TrustPolicy {
  return pinned(own.all.map((key) => key.certificate.fingerprint))
}

/** The account's keys as they are known: those held here and those of its other clients. */
export async function ownKnownKeys(account: BareJid, own: OwnKeys, keys: RecentKeys): Promise<KnownKey[]> {
  const known = new Map<Fingerprint, KnownKey>()
  for (const key of await keys.recent(account)) known.set(key.fingerprint, key)
  for (const key of knownAsHeld({ keys: own.all }, account, new Date(0))) {
    const before = known.get(key.fingerprint)
    if (before === undefined) known.set(key.fingerprint, key)
    else if (isGone(before)) known.set(key.fingerprint, { ...key, approval: before.approval })
  }
  return [...known.values()]
}

/**
 * What messages are encrypted to beside the signing key (R4): the other keys held here and those the operator approved,
 * as far as they can be encrypted to now.
 */
export async function ownCertificates(
  own: OwnKeys,
  o: CallOptions & { account: BareJid; keys: RecentKeys; provider: CryptoProvider; now: Date },
): Promise<readonly Certificate[]> {
  const known = await ownKnownKeys(o.account, own, o.keys)
  const judged = await judgeKeys({ ...o, owner: o.account, known, trust: ownTrust(own) })
  return chooseKeys(judged).use
}
