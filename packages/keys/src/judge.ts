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
import { isGone } from "./gone.ts"
import { inspected, saidBefore } from "./inspected.ts"
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

/** What judging needs. */
export interface JudgeOptions extends CallOptions {
  /** Only this account's keys are judged, others are left out. */
  readonly owner: BareJid
  readonly known: readonly KnownKey[]
  readonly provider: CryptoProvider
  readonly trust: TrustPolicy
  /** The moment at which validity is judged. */
  readonly now: Date
}

/**
 * Reads each certificate and asks the policy, in the order given.
 *
 * @throws {AurochsError} `ABORTED`, `BACKEND`
 */
export async function judgeKeys(o: JudgeOptions): Promise<JudgedKey[]> {
  const own = ownedBy(o)
  const readable = own.filter((key) => !isGone(key))
  const certifiers = readable.length < 2 ? NOBODY : await certifiersOf(readable, o)
  const judged: JudgedKey[] = []
  for (const key of own) {
    throwIfAborted(o)
    if (isGone(key)) {
      judged.push(refusedFor(key, new AurochsError("BAD_DATA", "its certificate is gone", { what: "certificate" })))
      continue
    }
    try {
      const info = saidBefore(o.provider, key.bytes, o.now) ?? (await inspected(o.provider, key.bytes, o))
      judged.push(decided(key, info, own, certifiers, o))
    } catch (error) {
      judged.push(refusedFor(key, error))
    }
  }
  return judged
}

/**
 * As {@link judgeKeys}, where the engine has nothing to be asked: it said before what each certificate says now, and there
 * are no two that might certify each other.
 *
 * @returns undefined: `judgeKeys` has to ask
 */
export function judgeKeysAtOnce(o: JudgeOptions): JudgedKey[] | undefined {
  const own = ownedBy(o)
  const [key] = own
  if (key === undefined) return []
  const info = own.length > 1 || o.signal?.aborted ? undefined : saidBefore(o.provider, key.bytes, o.now)
  if (info === undefined) return undefined
  try {
    return [decided(key, info, own, NOBODY, o)]
  } catch (error) {
    return [refusedFor(key, error)]
  }
}

const NOBODY: Certifiers = new Map()

function ownedBy({ known, owner }: JudgeOptions): readonly KnownKey[] {
  return known.filter((key) => sameBareJid(key.owner, owner))
}

/** @throws what is no statement about the certificate */
function refusedFor(key: KnownKey, error: unknown): JudgedKey {
  if (!isAurochsError(error, "BAD_DATA") && !isAurochsError(error, "UNSUPPORTED")) throw error
  return { key, ...unreadable(key), error }
}

function decided(
  key: KnownKey,
  info: CertificateInfo,
  own: readonly KnownKey[],
  certifiers: Certifiers,
  { trust, now }: { readonly trust: TrustPolicy; readonly now: Date },
): JudgedKey {
  // What is stored under this fingerprint has to be that key, or the policy would look at the wrong name.
  if (info.fingerprint !== key.fingerprint) {
    const error = new AurochsError("BAD_DATA", "another certificate is stored here", { what: "certificate" })
    return { key, ...unreadable(key), error }
  }
  const others = own.length === 1 ? NONE : own.filter((other) => other.fingerprint !== key.fingerprint)
  return { key, info, decision: trust(key, { others, info, now, certifiers }) }
}

const NONE: readonly KnownKey[] = []

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
