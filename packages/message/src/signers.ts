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
import {
  findUserId,
  type JudgedKey,
  type JudgeOptions,
  judgeKeys,
  judgeKeysAtOnce,
  type TrustPolicy,
} from "@aurochs/keys"

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
  const judged: JudgedKey[] = []
  for (const owner of ownersOf(options)) judged.push(...(await judgeKeys(judgingOf(owner, options))))
  return readableOf(judged, options)
}

/**
 * The same where the engine has nothing to be asked.
 *
 * @returns undefined: it has
 */
export function judgeKnownAtOnce(options: JudgingOptions): JudgedKeys | undefined {
  const judged: JudgedKey[] = []
  for (const owner of ownersOf(options)) {
    const some = judgeKeysAtOnce(judgingOf(owner, options))
    if (some === undefined) return undefined
    judged.push(...some)
  }
  return readableOf(judged, options)
}

function ownersOf({ keysOf }: JudgingOptions): Iterable<BareJid> {
  const owners = keysOf.map(({ owner }) => owner)
  return owners.length < 2 ? owners : new Set(owners)
}

function judgingOf(owner: BareJid, { keysOf: known, provider, trust, now, signal }: JudgingOptions): JudgeOptions {
  return { owner, known, provider, trust, now, signal }
}

function readableOf(judged: readonly JudgedKey[], { sender }: JudgingOptions): JudgedKeys {
  const readable = judged.filter(({ error }) => error === undefined)
  const keys = readable.map(({ key }) => key)
  const verifyWith = keys.length < 2 ? keys : [...new Map(keys.map((key) => [key.fingerprint, key])).values()]
  return { verifyWith, senders: readable.filter(({ key }) => sameBareJid(key.owner, sender)) }
}

/**
 * Looks at each valid signature: User ID and trust of exactly the certificate that made it (attack A32).
 *
 * @throws {AurochsError} `BACKEND`, `ABORTED`
 */
export function judgeSigners(
  opened: Opened,
  keys: JudgedKeys,
  options: JudgingOptions,
): readonly Signer[] | Promise<readonly Signer[]> {
  const signers: (Signer | Promise<Signer>)[] = []
  for (const verdict of opened.signatures) {
    if (verdict.kind !== "valid") continue
    const { certificate, signedAt } = verdict
    const judged = keys.senders.find(({ key }) => key.fingerprint === certificate)
    if (judged === undefined) continue
    const signer = { fingerprint: certificate, hasUserId: true, decision: judged.decision }
    if (findUserId(judged.info, options.sender) !== undefined) signers.push(signer)
    else signers.push(hadUserId(judged, signedAt, options).then((hasUserId) => ({ ...signer, hasUserId })))
  }
  return signers.every((one): one is Signer => !(one instanceof Promise)) ? signers : Promise.all(signers)
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
