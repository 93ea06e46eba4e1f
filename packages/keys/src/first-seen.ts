import type { BareJid, CallOptions, Fingerprint, KnownKey } from "@aurochs/core"
import type { KeyStore, StateStore } from "@aurochs/storage"
import { changeState, field, readState, strings } from "./json-state.ts"
import { announcedIn, type Reading } from "./reading.ts"
import { isAuthenticated } from "./trust/authenticated.ts"

/** Does this key count when the first list is looked for? See `tofu`. */
export function isCounted(key: Pick<KnownKey, "binds" | "approval">): boolean {
  return key.binds === "account" || key.approval === "verified"
}

/** Gives a key that is new its `firstSeen`. */
export type Stamp = (fingerprint: Fingerprint) => Date

/** The first list of an owner, as far as it is not stored yet. */
export interface FirstList {
  /** When it was read; undefined if that was not written down. */
  readonly at?: Date | undefined
  /**
   * What it named and is not stored: its certificate could not be had then, or nobody came to write it. It belongs to
   * the first list.
   */
  readonly open: readonly string[]
}

/**
 * All keys of the first list get one instant, every later key a later one, even if the clock was put back or stands
 * still: else a key that a server adds could become one of the first (attack A5).
 */
export function stampFor(stored: readonly KnownKey[], { at, open }: FirstList, now: Date): Stamp {
  const counted = stored.filter(isCounted).map((key) => key.firstSeen.getTime())
  const later = laterThanAll(stored, now)
  // Candidates are no first list, but a later one is not to look older than they do (see `binding`).
  if (counted.length === 0 && at === undefined) return () => new Date(later)
  const first = at?.getTime() ?? Math.min(...counted)
  return (fingerprint) => new Date(open.includes(fingerprint) ? first : Math.max(later, first + 1))
}

function laterThanAll(stored: readonly KnownKey[], now: Date): number {
  return Math.max(now.getTime(), ...stored.map((key) => key.firstSeen.getTime() + 1))
}

interface Place {
  /** Where it is remembered, if its values are authenticated. */
  readonly keys?: KeyStore | undefined
  /** Where it is remembered else; undefined: it is not. */
  readonly state?: StateStore | undefined
  readonly account: BareJid
  readonly owner: BareJid
}

const stateKey = ({ account, owner }: Place) => `keys/list/${account}/${owner}`
const valueName = ({ owner }: Place) => `list/${owner}`

async function readPlace(place: Place, options: CallOptions): Promise<unknown> {
  if (place.keys !== undefined && isAuthenticated(place.keys)) return place.keys.readValue(valueName(place), options)
  return place.state === undefined ? undefined : readState(place.state, stateKey(place), options)
}

async function changePlace(place: Place, change: (before: unknown) => unknown, options: CallOptions): Promise<void> {
  if (place.keys !== undefined && isAuthenticated(place.keys)) {
    await place.keys.changeValue(valueName(place), change, options)
  } else if (place.state !== undefined) await changeState(place.state, stateKey(place), change, options)
}

/** What is remembered of the reading before. */
export interface ReadBefore {
  readonly first: FirstList
  /** What the audit log was told of that reading: what has not changed is not told again. */
  readonly told: readonly string[]
}

/** Without a state store nothing is known. */
export async function readBefore(place: Place, options: CallOptions): Promise<ReadBefore> {
  const value = place.state === undefined ? undefined : await readPlace(place, options)
  return { first: firstOf(value), told: strings(field(value, "told")) }
}

/**
 * If this is the first reading that brought a key: writes down at once what the list names, before any of it is stored.
 * Of two that read it at the same time the first one says what it is, and after an interruption it is gone on with.
 *
 * @param o.before as it was remembered
 * @param o.stored what is known of the owner, read after that
 */
export async function beginReading(
  place: Place,
  reading: Reading,
  o: { readonly before: FirstList; readonly stored: readonly KnownKey[]; readonly now: Date } & CallOptions,
): Promise<FirstList> {
  const found = announcedIn(reading)
  if (place.state === undefined || o.stored.some(isCounted) || found.length === 0 || isBegun(o.before)) return o.before
  const firstAt = new Date(laterThanAll(o.stored, o.now)).toISOString()
  let first = o.before
  const change = (before: unknown) => {
    const gaps = [...found, ...reading.gaps.keys()]
    const after = isBegun(firstOf(before)) ? before : { ...restOf(before), firstAt, gaps }
    first = firstOf(after)
    return after
  }
  await changePlace(place, change, { signal: o.signal })
  return first
}

/** Some of it is to come. */
function isBegun({ at, open }: FirstList): boolean {
  return at !== undefined && open.length > 0
}

/**
 * Remembers that a list was read completely and is stored, and what of the first one is still to come: what is no longer
 * listed is forgotten.
 *
 * @param o.told what of it is in the audit log, if it says the same next time
 */
export async function endReading(
  place: Place,
  reading: Reading,
  o: { readonly readAt: Date; readonly told: readonly string[] } & CallOptions,
): Promise<void> {
  if (place.state === undefined) return
  const change = (before: unknown) => {
    const gaps = firstOf(before).open.filter((one) => reading.gaps.has(one as Fingerprint))
    return { ...restOf(before), readAt: o.readAt.toISOString(), gaps, told: o.told }
  }
  await changePlace(place, change, { signal: o.signal })
}

function firstOf(value: unknown): FirstList {
  return { at: dateOf(field(value, "firstAt")), open: strings(field(value, "gaps")) }
}

function restOf(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {}
}

function dateOf(text: unknown): Date | undefined {
  const date = new Date(typeof text === "string" ? text : Number.NaN)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/**
 * When `refreshKeys` last read this owner's list completely; undefined if never. For {@link isStale} after a restart.
 *
 * @param o.keys those that `refreshKeys` was given: with `authenticatedKeys` nobody else can write it
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export async function lastReadAt(
  o: {
    readonly keys?: KeyStore | undefined
    readonly state: StateStore
    readonly account: BareJid
    readonly owner: BareJid
  } & CallOptions,
): Promise<Date | undefined> {
  return dateOf(field(await readPlace(o, { signal: o.signal }), "readAt"))
}
