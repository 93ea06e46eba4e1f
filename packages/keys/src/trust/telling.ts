import {
  type BareJid,
  type CallOptions,
  type Certificate,
  type Fingerprint,
  sameBareJid,
  type XmlElement,
} from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import type { KeyStore } from "@aurochs/storage"
import { collect } from "../collect.ts"
import { judgeKeys } from "../judge.ts"
import { unusableBecause } from "../own-secrets.ts"
import type { TrustPolicy } from "../policy.ts"
import { tryInspect } from "../reading.ts"
import { trustElement } from "./messages.ts"
import type { TrustWord } from "./waiting.ts"

/** A trust message that is to be sealed and sent, never in plaintext. */
export interface TrustTold {
  readonly to: BareJid
  readonly payload: XmlElement
}

/** What {@link trustMessagesFor} needs. */
export interface TellOptions extends CallOptions {
  readonly account: BareJid
  /** The own key that signs, and one's other ones that are here. */
  readonly signing: Fingerprint
  readonly own: readonly Certificate[]
  readonly keys: KeyStore
  readonly provider: CryptoProvider
  /** What decides about the owner's keys. */
  readonly trust: TrustPolicy
  readonly now: Date
}

/**
 * Whom to tell of a decision (XEP-0450 §5): one's own other clients; and, where a key was trusted, its owner of one's
 * other keys that can be used, if every key that this would be encrypted to was authenticated (XEP-0434 §5.2). Nobody, where the key is
 * one's own.
 *
 * @throws {AurochsError} `STORAGE`, `BACKEND`, `ABORTED`
 */
export async function trustMessagesFor(word: TrustWord, o: TellOptions): Promise<readonly TrustTold[]> {
  const { account, signing } = o
  if (sameBareJid(word.owner, account)) return []
  const told: TrustTold[] = [{ to: account, payload: trustElement([word]) }]
  if (word.says !== "trust") return told
  const others = await usableOf(
    o.own.filter(({ fingerprint }) => fingerprint !== signing),
    o,
  )
  if (others.length > 0 && (await isAuthenticated(word.owner, o))) {
    const words = others.map((fingerprint): TrustWord => ({ owner: account, fingerprint, says: "trust" }))
    told.push({ to: word.owner, payload: trustElement(words) })
  }
  return told
}

/** Nobody is told to trust a key that is revoked or has expired. */
async function usableOf(own: readonly Certificate[], o: TellOptions): Promise<readonly Fingerprint[]> {
  const usable: Fingerprint[] = []
  for (const { bytes } of own) {
    const info = await tryInspect(bytes, o)
    if (info !== undefined && unusableBecause(info, o.account, o.now) === undefined) usable.push(info.fingerprint)
  }
  return usable
}

async function isAuthenticated(owner: BareJid, { keys, provider, trust, now, signal }: TellOptions): Promise<boolean> {
  const known = await collect(keys.keysOf(owner, { signal }))
  const judged = await judgeKeys({ owner, known, provider, trust, now, signal })
  const used = judged.filter(({ decision }) => decision.use === "encrypt+verify")
  return used.length > 0 && used.every(({ decision }) => decision.level === "verified")
}
