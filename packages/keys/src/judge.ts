import {
  type AnyAurochsError,
  AurochsError,
  type BareJid,
  type CallOptions,
  isAurochsError,
  type KnownKey,
  sameBareJid,
  type TrustDecision,
  throwIfAborted,
} from "@aurochs/core"
import type { CertificateInfo, CryptoProvider } from "@aurochs/crypto"
import type { TrustPolicy } from "./policy.ts"
import { type Certifiers, certifiersOf } from "./trust/certifiers.ts"

/** A known key with what its certificate says and what the policy decided. */
export interface JudgedKey {
  readonly key: KnownKey
  /** Judged at `now`. If the certificate cannot be read: no User ID, good for nothing. */
  readonly info: CertificateInfo
  readonly decision: TrustDecision
  /** Why the certificate cannot be read (`BAD_DATA`, `UNSUPPORTED`); the decision is `never` then. */
  readonly error?: AnyAurochsError | undefined
}

/**
 * Reads each certificate and asks the policy, in the order given.
 *
 * @param o.owner only this account's keys are judged, others are left out
 * @param o.now the moment at which validity is judged
 * @throws {AurochsError} `ABORTED`, `BACKEND`
 */
export async function judgeKeys(
  o: {
    readonly owner: BareJid
    readonly known: readonly KnownKey[]
    readonly provider: CryptoProvider
    readonly trust: TrustPolicy
    readonly now: Date
  } & CallOptions,
): Promise<JudgedKey[]> {
  const own = o.known.filter((key) => sameBareJid(key.owner, o.owner))
  const judged: JudgedKey[] = []
  const certifiers = await certifiersOf(own, o)
  for (const key of own) {
    throwIfAborted(o)
    const others = own.filter((other) => other.fingerprint !== key.fingerprint)
    judged.push(await judgeOne(key, others, { ...o, certifiers }))
  }
  return judged
}

async function judgeOne(
  key: KnownKey,
  others: readonly KnownKey[],
  o: {
    readonly provider: CryptoProvider
    readonly trust: TrustPolicy
    readonly now: Date
    readonly certifiers: Certifiers
  } & CallOptions,
): Promise<JudgedKey> {
  try {
    const info = await o.provider.inspect(key.bytes, { now: o.now, signal: o.signal })
    // What is stored under this fingerprint has to be that key, or the policy would look at the wrong name.
    if (info.fingerprint !== key.fingerprint) {
      const error = new AurochsError("BAD_DATA", "another certificate is stored here", { what: "certificate" })
      return { key, ...unreadable(key), error }
    }
    return { key, info, decision: o.trust(key, { others, info, now: o.now, certifiers: o.certifiers }) }
  } catch (error) {
    if (!isAurochsError(error, "BAD_DATA") && !isAurochsError(error, "UNSUPPORTED")) throw error
    return { key, ...unreadable(key), error }
  }
}

function unreadable(key: KnownKey): { info: CertificateInfo; decision: TrustDecision } {
  const { fingerprint, bytes } = key
  return {
    info: {
      fingerprint,
      bytes,
      userIds: [],
      createdAt: new Date(0),
      canEncrypt: false,
      canSign: false,
      algorithm: "unknown",
    },
    decision: { use: "never", level: "quarantined", because: "no-user-id" },
  }
}
