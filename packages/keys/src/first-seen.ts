import type { BareJid, CallOptions, Fingerprint, KnownKey } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"
import { changeState, field, readState, strings } from "./json-state.ts"
import type { Reading } from "./reading.ts"

/** Does this key count when the first list is looked for? See `tofu`. */
export function isCounted(key: Pick<KnownKey, "binds" | "approval">): boolean {
  return key.binds === "account" || key.approval === "verified"
}

/** Gives a key that is new its `firstSeen`. */
export type Stamp = (fingerprint: Fingerprint) => Date

/**
 * All keys of the first list get one instant, every later key a later one, even if the clock was put back or stands
 * still: else a key that a server adds could become one of the first (attack A5).
 *
 * @param gaps fingerprints of the first list whose certificate could not be had then: they belong to it
 */
export function stampFor(stored: readonly KnownKey[], gaps: readonly string[], now: Date): Stamp {
  const counted = stored.filter(isCounted).map((key) => key.firstSeen.getTime())
  const later = Math.max(now.getTime(), ...stored.map((key) => key.firstSeen.getTime() + 1))
  // Candidates are no first list, but a later one is not to look older than they do (see `binding`).
  if (counted.length === 0) return () => new Date(later)
  const first = Math.min(...counted)
  return (fingerprint) => new Date(gaps.includes(fingerprint) ? first : later)
}

interface Place {
  readonly state?: StateStore | undefined
  readonly account: BareJid
  readonly owner: BareJid
}

const stateKey = ({ account, owner }: Place) => `keys/list/${account}/${owner}`

/** What is remembered of the reading before. */
export interface ReadBefore {
  /** The gaps of the first list that are still open. */
  readonly gaps: readonly string[]
  /** What the audit log was told of that reading: what has not changed is not told again. */
  readonly told: readonly string[]
}

/** Without a state store nothing is known. */
export async function readBefore(place: Place, options: CallOptions): Promise<ReadBefore> {
  if (place.state === undefined) return { gaps: [], told: [] }
  const value = await readState(place.state, stateKey(place), options)
  return { gaps: strings(field(value, "gaps")), told: strings(field(value, "told")) }
}

/**
 * Remembers that a list was read completely, and the gaps of the first one: those that are filled or no longer listed
 * are forgotten.
 *
 * @param o.isFirst nothing was known of this owner before
 * @param o.told what of it is in the audit log, if it says the same next time
 */
export async function rememberReading(
  place: Place,
  reading: Reading,
  o: { readonly isFirst: boolean; readonly readAt: Date; readonly told: readonly string[] } & CallOptions,
): Promise<void> {
  if (place.state === undefined) return
  const change = (before: unknown) => {
    const open = o.isFirst ? [...reading.gaps.keys()] : strings(field(before, "gaps"))
    const gaps = open.filter((one) => reading.gaps.has(one))
    return { readAt: o.readAt.toISOString(), gaps, told: o.told }
  }
  await changeState(place.state, stateKey(place), change, { signal: o.signal })
}

/**
 * When `refreshKeys` last read this owner's list completely; undefined if never. For {@link isStale} after a restart.
 *
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export async function lastReadAt(
  o: { readonly state: StateStore; readonly account: BareJid; readonly owner: BareJid } & CallOptions,
): Promise<Date | undefined> {
  const text = field(await readState(o.state, stateKey(o), { signal: o.signal }), "readAt")
  const date = new Date(typeof text === "string" ? text : Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date
}
