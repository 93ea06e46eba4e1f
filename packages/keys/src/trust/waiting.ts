import { type BareJid, type Fingerprint, sameBareJid } from "@aurochs/core"
import { field } from "../json-state.ts"

/** What somebody says of one key. */
export interface TrustWord {
  readonly owner: BareJid
  readonly fingerprint: Fingerprint
  readonly says: "trust" | "distrust"
}

/** A word with whose it is. */
export interface Heard extends TrustWord {
  readonly sender: BareJid
  readonly signedBy: Fingerprint
  /** Milliseconds since 1970, of the message. */
  readonly at: number
}

/** What is remembered of trust messages. */
export interface Kept {
  /** They wait for a key. */
  readonly waiting: readonly Heard[]
  /** By owner and fingerprint: the time of the newest word that was applied. */
  readonly applied: readonly { readonly key: string; readonly at: number }[]
}

/** Words of one's own clients that wait, words of others that do, and times of applied ones, each at most. */
export const MAX_KEPT = 200
/** Of those the words of one sender. */
const MAX_OF_A_SENDER = 20

/** It is authenticated, so its form is ours. */
export function readKept(value: unknown): Kept {
  const list = <T>(name: string) => (Array.isArray(field(value, name)) ? (field(value, name) as readonly T[]) : [])
  return { waiting: list<Heard>("waiting"), applied: list<Kept["applied"][number]>("applied") }
}

/**
 * What is there, with what came of one look at it: others may have looked meanwhile, and what they added stays.
 *
 * @param o.done these wait no more
 * @param o.more these wait as well
 * @param o.applied times by owner and fingerprint
 */
export function keptAfter(
  { waiting, applied }: Kept,
  o: {
    readonly account: BareJid
    readonly done: readonly Heard[]
    readonly more: readonly Heard[]
    readonly applied: ReadonlyMap<string, number>
  },
): Kept {
  const words = new Map([...waiting, ...o.more].map((word) => [nameOf(word), word]))
  for (const word of o.done) words.delete(nameOf(word))
  const times = new Map(applied.map(({ key, at }) => [key, at]))
  for (const [key, at] of o.applied) {
    const newest = Math.max(at, times.get(key) ?? at)
    times.delete(key)
    times.set(key, newest)
  }
  return {
    waiting: bounded([...words.values()], o.account),
    applied: [...times].map(([key, at]) => ({ key, at })).slice(-MAX_KEPT),
  }
}

function nameOf({ owner, fingerprint, says, sender, signedBy, at }: Heard): string {
  return JSON.stringify([owner, fingerprint, says, sender, signedBy, at])
}

/** The newest; whoever says the most gives way first, and never one's own clients to others. */
function bounded(words: readonly Heard[], account: BareJid): readonly Heard[] {
  const newest = words.toSorted((a, b) => a.at - b.at)
  const own = newest.filter(({ sender }) => sameBareJid(sender, account)).slice(-MAX_KEPT)
  const bySender = new Map<BareJid, Heard[]>()
  for (const word of newest) {
    if (sameBareJid(word.sender, account)) continue
    const theirs = bySender.get(word.sender) ?? []
    bySender.set(word.sender, [...theirs, word].slice(-MAX_OF_A_SENDER))
  }
  let count = [...bySender.values()].reduce((sum, theirs) => sum + theirs.length, 0)
  for (; count > MAX_KEPT; count--) {
    const [longest] = [...bySender.values()].toSorted(
      (a, b) => b.length - a.length || (a[0]?.at ?? 0) - (b[0]?.at ?? 0),
    )
    longest?.shift()
  }
  return [...own, ...[...bySender.values()].flat()].toSorted((a, b) => a.at - b.at)
}
