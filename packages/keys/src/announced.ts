import type { BareJid, CallOptions, Fingerprint } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"
import { changeState, field, readState, strings } from "./json-state.ts"

interface Place extends CallOptions {
  readonly state: StateStore
  readonly account: BareJid
}

/** Without a change for this long the list counts as quiet again: 24 hours, in milliseconds. */
const QUIET_MS = 86_400_000

const stateKey = (account: BareJid) => `own-key/${account}`

/**
 * The keys that this installation has announced at some time.
 *
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export async function announcedBefore(o: Place): Promise<Fingerprint[]> {
  return strings(field(await readState(o.state, stateKey(o.account), { signal: o.signal }), "announced"))
}

/**
 * Remembers that a key was announced from here: when it disappears from the list, it is merged back (R48).
 *
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export async function rememberAnnounced(o: Place & { readonly fingerprint: Fingerprint }): Promise<void> {
  const change = (before: unknown) => {
    const announced = strings(field(before, "announced"))
    if (announced.includes(o.fingerprint)) return undefined
    return { ...asObject(before), announced: [...announced, o.fingerprint] }
  }
  await changeState(o.state, stateKey(o.account), change, { signal: o.signal })
}

/**
 * Forgets it again: it was retracted on purpose.
 *
 * @throws {AurochsError} `STORAGE`, `ABORTED`
 */
export async function forgetAnnounced(o: Place & { readonly fingerprint: Fingerprint }): Promise<void> {
  const change = (before: unknown) => {
    const announced = strings(field(before, "announced"))
    if (!announced.includes(o.fingerprint)) return undefined
    return { ...asObject(before), announced: announced.filter((one) => one !== o.fingerprint) }
  }
  await changeState(o.state, stateKey(o.account), change, { signal: o.signal })
}

/** How often the key was merged back lately, and when last. */
export interface Reannouncements {
  readonly count: number
  readonly lastAt?: Date | undefined
}

/** Reads it; a day without any starts from zero. */
export async function reannouncements(o: Place & { readonly now: Date }): Promise<Reannouncements> {
  const value = await readState(o.state, stateKey(o.account), { signal: o.signal })
  return recent(value, o.now)
}

/** Counts one more, at `now`. */
export async function rememberReannouncement(o: Place & { readonly now: Date }): Promise<void> {
  const change = (before: unknown) => ({
    ...asObject(before),
    reannounced: { count: recent(before, o.now).count + 1, lastAt: o.now.toISOString() },
  })
  await changeState(o.state, stateKey(o.account), change, { signal: o.signal })
}

function recent(value: unknown, now: Date): Reannouncements {
  const kept = field(value, "reannounced")
  const count = field(kept, "count")
  const text = field(kept, "lastAt")
  const lastAt = new Date(typeof text === "string" ? text : Number.NaN)
  const ageMs = now.getTime() - lastAt.getTime()
  if (typeof count !== "number" || !(ageMs >= 0 && ageMs < QUIET_MS)) return { count: 0 }
  return { count, lastAt }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {}
}
