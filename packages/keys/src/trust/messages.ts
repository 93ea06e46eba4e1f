import {
  type BareJid,
  type CallOptions,
  type Clock,
  type Fingerprint,
  fingerprint,
  isAurochsError,
  sameBareJid,
  type XmlElement,
} from "@aurochs/core"
import type { AuditLog } from "@aurochs/storage"
import { namespaces, trustMessage } from "@aurochs/xml"
import { collect } from "../collect.ts"
import { field } from "../json-state.ts"
import type { AuthenticatedKeys } from "./authenticated.ts"
import { decideKey } from "./decide.ts"

/** What somebody says of one key. */
export interface TrustWord {
  readonly owner: BareJid
  readonly fingerprint: Fingerprint
  readonly says: "trust" | "distrust"
}

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
  /** Fingerprints of the own keys that are here: they are authenticated from the beginning. */
  readonly own: readonly Fingerprint[]
  readonly keys: AuthenticatedKeys
  readonly audit?: AuditLog | undefined
  readonly clock: Clock
}

/** Words that wait for a key, and times of applied ones, that are remembered; the oldest go first. */
const MAX_KEPT = 200
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

interface Waiting extends TrustWord {
  readonly sender: BareJid
  readonly signedBy: Fingerprint
  /** Milliseconds since 1970, of the message. */
  readonly at: number
}

interface Kept {
  readonly waiting: readonly Waiting[]
  /** By owner and fingerprint: the time of the newest word that was applied. */
  readonly applied: readonly { readonly key: string; readonly at: number }[]
}

/**
 * Hears words about keys: they are applied at once if the key that signed them is authenticated (verified, or one's own),
 * else kept until it is, or until the key they are about is known (XEP-0450 §6). A newer word stands against an older
 * one; what the operator distrusted by hand, no message makes trusted.
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
  const heard = words.map((word) => ({ ...word, sender, signedBy, at: from.writtenAt.getTime() }))
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

async function settle(heard: readonly Waiting[], o: TrustMessageOptions): Promise<readonly TrustWord[]> {
  const applied: TrustWord[] = []
  const kept = readKept(await o.keys.readValue(NAME, { signal: o.signal }))
  if (heard.length === 0 && kept.waiting.length === 0) return applied
  let waiting = [...kept.waiting, ...heard].toSorted((a, b) => a.at - b.at)
  const times = new Map(kept.applied.map(({ key, at }) => [key, at]))
  // What is applied may authenticate the signer of another word.
  for (let again = true; again; ) {
    again = false
    const rest: Waiting[] = []
    for (const word of waiting) {
      const key = `${word.owner} ${word.fingerprint}`
      if ((times.get(key) ?? Number.NEGATIVE_INFINITY) > word.at) continue
      const outcome = await apply(word, o)
      if (outcome === "waits") rest.push(word)
      if (outcome !== "applied") continue
      again = true
      times.delete(key)
      times.set(key, word.at)
      applied.push({ owner: word.owner, fingerprint: word.fingerprint, says: word.says })
    }
    waiting = rest
  }
  const after: Kept = {
    waiting: waiting.slice(-MAX_KEPT),
    applied: [...times].map(([key, at]) => ({ key, at })).slice(-MAX_KEPT),
  }
  await o.keys.changeValue(NAME, () => after, { signal: o.signal })
  return applied
}

async function apply(word: Waiting, o: TrustMessageOptions): Promise<"applied" | "waits" | "done"> {
  if (!(await isAuthenticated(word.sender, word.signedBy, o))) return "waits"
  // One's own keys are pinned: a message adds to them only what the operator would have verified by hand.
  const known = await collect(o.keys.keysOf(word.owner, { signal: o.signal }))
  const key = known.find((one) => one.fingerprint === word.fingerprint)
  if (key === undefined) return o.own.includes(word.fingerprint) ? "done" : "waits"
  const approval = word.says === "trust" ? "verified" : "distrusted"
  if (key.approval === approval || key.approval === "distrusted") return "done"
  const detail = { by: "trust-message", sender: word.sender, signedBy: word.signedBy }
  const at = { ...o, owner: word.owner, fingerprint: word.fingerprint }
  const decided = await decideKey({ ...at, approval, detail, unlessDistrusted: true })
  return decided.approval === approval ? "applied" : "done"
}

async function isAuthenticated(sender: BareJid, signedBy: Fingerprint, o: TrustMessageOptions): Promise<boolean> {
  if (sameBareJid(sender, o.account) && o.own.includes(signedBy)) return true
  const known = await collect(o.keys.keysOf(sender, { signal: o.signal }))
  return known.some((one) => one.fingerprint === signedBy && one.approval === "verified")
}

/** It is authenticated, so its form is ours. */
function readKept(value: unknown): Kept {
  const list = <T>(name: string) => (Array.isArray(field(value, name)) ? (field(value, name) as readonly T[]) : [])
  return { waiting: list<Waiting>("waiting"), applied: list<Kept["applied"][number]>("applied") }
}

function bytesOf(print: Fingerprint): Uint8Array {
  return Uint8Array.from(print.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function printOf(id: Uint8Array): Fingerprint {
  return fingerprint(Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join(""))
}
