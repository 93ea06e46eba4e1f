import {
  type BareJid,
  type CallOptions,
  type Certificate,
  type Clock,
  type Fingerprint,
  fingerprint,
  isAurochsError,
  sameBareJid,
  type XmlElement,
} from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import type { AuditLog } from "@aurochs/storage"
import { namespaces, trustMessage } from "@aurochs/xml"
import { collect } from "../collect.ts"
import { isGone } from "../gone.ts"
import { unusableBecause } from "../own-secrets.ts"
import { tryInspect } from "../reading.ts"
import type { AuthenticatedKeys } from "./authenticated.ts"
import { decideKey } from "./decide.ts"
import { type Heard, keptAfter, MAX_KEPT, readKept, type TrustWord } from "./waiting.ts"

/** A trust message that was opened as `secure`. */
export interface HeardTrust {
  /** Who wrote it; one's own account for another client of one's own. */
  readonly sender: BareJid
  /** The key that signed this very message. */
  readonly signedBy: Fingerprint
  readonly writtenAt: Date
}

/** What acting on trust messages needs. */
export interface TrustMessageOptions extends CallOptions {
  readonly account: BareJid
  /** The own keys that are here: they are authenticated from the beginning, as long as they can be used. */
  readonly own: readonly Certificate[]
  readonly keys: AuthenticatedKeys
  readonly provider: CryptoProvider
  readonly audit?: AuditLog | undefined
  readonly clock: Clock
}

const NAME = "messages"

/**
 * The element that tells others what one has decided (XEP-0434, XEP-0450), for the payload of a sealed message.
 *
 * @param words at least one
 */
export function trustElement(words: readonly TrustWord[]): XmlElement {
  const owners = [...new Set(words.map(({ owner }) => owner))]
  const of = (owner: BareJid, says: TrustWord["says"]) =>
    words.filter((word) => word.owner === owner && word.says === says).map((word) => bytesOf(word.fingerprint))
  return trustMessage.write({
    usage: namespaces.automaticTrust,
    encryption: namespaces.openpgp,
    statements: owners.map((owner) => ({ owner, trust: of(owner, "trust"), distrust: of(owner, "distrust") })),
  })
}

/**
 * What a trust message says that its sender may say: of its own keys, or of anybody's if the sender is one of one's own
 * clients (XEP-0450 §5). Empty for an element that is none, or for another encryption or usage.
 */
export function readTrustElement(
  child: XmlElement,
  o: { readonly account: BareJid; readonly sender: BareJid },
): readonly TrustWord[] {
  const words: TrustWord[] = []
  try {
    const { usage, encryption, statements } = trustMessage.read(child)
    if (usage !== namespaces.automaticTrust || encryption !== namespaces.openpgp) return words
    for (const { owner, trust, distrust } of statements) {
      if (!sameBareJid(o.sender, o.account) && !sameBareJid(owner, o.sender)) continue
      for (const id of distrust) words.push({ owner, fingerprint: printOf(id), says: "distrust" })
      for (const id of trust) words.push({ owner, fingerprint: printOf(id), says: "trust" })
    }
    return words
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return []
    throw error
  }
}

/**
 * Hears words about keys: they are applied at once if the key that signed them is authenticated (verified, or one's own),
 * else kept until it is, or until the key they are about is known (XEP-0450 §6). They count only while that key can be
 * used: as soon as it is revoked or distrusted, what still waits is forgotten. A newer word stands against an older one;
 * what the operator distrusted by hand, no message makes trusted.
 *
 * @param words the first 200 of a message count
 *
 * @returns the words that were applied now
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export async function hearTrust(
  words: readonly TrustWord[],
  from: HeardTrust,
  o: TrustMessageOptions,
): Promise<readonly TrustWord[]> {
  const { sender, signedBy } = from
  const heard = words.slice(0, MAX_KEPT).map((word) => ({ ...word, sender, signedBy, at: from.writtenAt.getTime() }))
  return settle(heard, o)
}

/**
 * Looks again at the words that wait: a key was verified, or a new key is known.
 *
 * @returns the words that were applied now
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export function reconsiderTrust(o: TrustMessageOptions): Promise<readonly TrustWord[]> {
  return settle([], o)
}

async function settle(heard: readonly Heard[], o: TrustMessageOptions): Promise<readonly TrustWord[]> {
  const words: TrustWord[] = []
  const kept = readKept(await o.keys.readValue(NAME, { signal: o.signal }))
  if (heard.length === 0 && kept.waiting.length === 0) return words
  let waiting = [...kept.waiting, ...heard].toSorted((a, b) => a.at - b.at)
  const times = new Map(kept.applied.map(({ key, at }) => [key, at]))
  const applied = new Map<string, number>()
  const done: Heard[] = []
  const standings = new Map<string, Standing>()
  // What is applied may authenticate the signer of another word.
  for (let again = true; again; ) {
    again = false
    const rest: Heard[] = []
    for (const word of waiting) {
      const key = `${word.owner} ${word.fingerprint}`
      const isOld = (times.get(key) ?? Number.NEGATIVE_INFINITY) > word.at
      const outcome = isOld ? "done" : await apply(word, standings, o)
      ;(outcome === "waits" ? rest : done).push(word)
      if (outcome !== "applied") continue
      again = true
      standings.clear()
      times.set(key, word.at)
      applied.set(key, word.at)
      words.push({ owner: word.owner, fingerprint: word.fingerprint, says: word.says })
    }
    waiting = rest
  }
  const more = heard.filter((word) => waiting.includes(word))
  if (done.length > 0 || more.length > 0) {
    const change = (value: unknown) => keptAfter(readKept(value), { account: o.account, done, more, applied })
    await o.keys.changeValue(NAME, change, { signal: o.signal })
  }
  return words
}

async function apply(
  word: Heard,
  standings: Map<string, Standing>,
  o: TrustMessageOptions,
): Promise<"applied" | "waits" | "done"> {
  const signer = `${word.sender} ${word.signedBy}`
  const standing = standings.get(signer) ?? (await standingOf(word, o))
  standings.set(signer, standing)
  if (standing !== "authenticated") return standing === "never" ? "done" : "waits"
  // One's own keys are pinned: a message adds to them only what the operator would have verified by hand.
  const known = await collect(o.keys.keysOf(word.owner, { signal: o.signal }))
  const key = known.find((one) => one.fingerprint === word.fingerprint)
  if (key === undefined) return o.own.some((one) => one.fingerprint === word.fingerprint) ? "done" : "waits"
  const approval = word.says === "trust" ? "verified" : "distrusted"
  if (key.approval === approval || key.approval === "distrusted") return "done"
  const detail = { by: "trust-message", sender: word.sender, signedBy: word.signedBy }
  const at = { ...o, owner: word.owner, fingerprint: word.fingerprint }
  const decided = await decideKey({ ...at, approval, detail, unlessDistrusted: true })
  return decided.approval === approval ? "applied" : "done"
}

/** What the key is worth that signed a word. `never`: nothing any more; `not-yet`: it may be worth something later. */
type Standing = "authenticated" | "not-yet" | "never"

async function standingOf({ sender, signedBy }: Heard, o: TrustMessageOptions): Promise<Standing> {
  const here = sameBareJid(sender, o.account) ? o.own.find((one) => one.fingerprint === signedBy) : undefined
  if (here !== undefined) return usableNow(here, sender, o)
  const known = await collect(o.keys.keysOf(sender, { signal: o.signal }))
  const key = known.find((one) => one.fingerprint === signedBy)
  if (key?.approval === "distrusted") return "never"
  return key?.approval === "verified" && !isGone(key) ? usableNow(key, sender, o) : "not-yet"
}

async function usableNow(key: Certificate, owner: BareJid, o: TrustMessageOptions): Promise<Standing> {
  const now = o.clock.now()
  const info = await tryInspect(key.bytes, { provider: o.provider, now, signal: o.signal })
  if (info?.fingerprint !== key.fingerprint) return "not-yet"
  const because = unusableBecause(info, owner, now)
  if (because === "revoked") return "never"
  return because === undefined || because === "cannot-encrypt" ? "authenticated" : "not-yet"
}

function bytesOf(print: Fingerprint): Uint8Array {
  return Uint8Array.from(print.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function printOf(id: Uint8Array): Fingerprint {
  return fingerprint(Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join(""))
}
