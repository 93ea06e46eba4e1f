import {
  type BareJid,
  type CallOptions,
  type Certificate,
  type Fingerprint,
  isAurochsError,
  type KnownKey,
  sameBareJid,
  type TrustDecision,
} from "@aurochs/core"
import type { CryptoProvider, Opened } from "@aurochs/crypto"
import { findUserId, type JudgedKey, judgeKeys, type TrustPolicy } from "@aurochs/keys"

/** What judging needs. */
export interface JudgingOptions extends CallOptions {
  /** Whose signature counts. */
  readonly sender: BareJid
  readonly keysOf: readonly KnownKey[]
  readonly provider: CryptoProvider
  readonly trust: TrustPolicy
  readonly now: Date
}

/** The known keys, judged. */
export interface JudgedKeys {
  /** Each readable certificate once, also those of others: their signatures are recognised, and refused (R16). */
  readonly verifyWith: readonly Certificate[]
  /** The sender's, readable ones only. */
  readonly senders: readonly JudgedKey[]
}

/** One valid signature, with what its key is worth. */
export interface Signer {
  readonly fingerprint: Fingerprint
  readonly signedAt: Date
  /** Has the key the User ID `xmpp:<sender>` (R17)? */
  readonly hasUserId: boolean
  readonly decision: TrustDecision
}

/**
 * Reads and judges the known keys. A certificate that cannot be read verifies nothing and spoils nothing.
 *
 * @throws {AurochsError} `BACKEND`, `ABORTED`
 */
export async function judgeKnownKeys(options: JudgingOptions): Promise<JudgedKeys> {
  const { sender, keysOf, provider, trust, now, signal } = options
  const verifyWith = new Map<Fingerprint, KnownKey>()
  const senders: JudgedKey[] = []
  for (const owner of new Set(keysOf.map((key) => key.owner))) {
    const isSender = sameBareJid(owner, sender)
    for (const judged of await judgeKeys({ owner, known: keysOf, provider, trust, now, signal })) {
      if (judged.error !== undefined) continue
      verifyWith.set(judged.key.fingerprint, judged.key)
      if (isSender) senders.push(judged)
    }
  }
  return { verifyWith: [...verifyWith.values()], senders }
}

/**
 * Looks at each valid signature: User ID and trust of exactly the certificate that made it (attack A32).
 *
 * @throws {AurochsError} `BACKEND`, `ABORTED`
 */
export async function judgeSigners(opened: Opened, keys: JudgedKeys, options: JudgingOptions): Promise<Signer[]> {
  const signers: Signer[] = []
  for (const verdict of opened.signatures) {
    if (verdict.kind !== "valid") continue
    const { certificate, signedAt } = verdict
    const judged = keys.senders.find(({ key }) => key.fingerprint === certificate)
    if (judged === undefined) continue
    const hasUserId =
      findUserId(judged.info, options.sender) !== undefined || (await hadUserId(judged, signedAt, options))
    signers.push({ fingerprint: certificate, signedAt, hasUserId, decision: judged.decision })
  }
  return signers
}

/** What has expired since still stands for what was signed before; what was revoked does not. */
async function hadUserId({ key, info }: JudgedKey, signedAt: Date, options: JudgingOptions): Promise<boolean> {
  const { sender, provider, signal } = options
  if (findUserId(info, sender, ["expired"]) === undefined) return false
  try {
    const then = await provider.inspect(key.bytes, { now: signedAt, signal })
    return findUserId(then, sender) !== undefined
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return false
    throw error
  }
}
