import {
  type BareJid,
  type CallOptions,
  type Clock,
  type Fingerprint,
  systemClock,
  throwIfAborted,
} from "@aurochs/core"
import type { Found, KeyDirectory, Missing } from "../directory.ts"
import type { SourceFailure } from "./merged.ts"
import { type Flight, flights } from "./single-flight.ts"

/** Options of {@link cached}. */
export interface CacheOptions {
  /** The machine's clock by default. */
  readonly clock?: Clock | undefined
  /** How long an answer is kept whose source does not say, in milliseconds; 1 hour by default. */
  readonly ttlMs?: number | undefined
  /** The most, whatever the source says; 24 hours by default. */
  readonly maxTtlMs?: number | undefined
  /** How long it is remembered that there is nothing, or that there is a gap; 5 minutes by default. */
  readonly negativeTtlMs?: number | undefined
  /** So long after its time an answer is still given, while it is asked for again; 0 by default: never. */
  readonly staleMs?: number | undefined
  /** Owners that are remembered; 1,000 by default, the one asked for longest ago goes first. */
  readonly maxEntries?: number | undefined
  /** Hears of a refresh in the background that failed. */
  readonly onFailure?: ((failure: SourceFailure) => void) | undefined
}

type Query = Parameters<KeyDirectory["lookup"]>[0]
type Items = readonly (Found | Missing)[]

interface Entry {
  readonly owner: BareJid
  readonly items: Items
  readonly freshUntil: number
  readonly staleUntil: number
}

/**
 * Remembers answers, so that a source is asked, and told of a contact, less often: for as long as the source says, and
 * that there is nothing for a short time. Several who ask for the same at the same time share one question. Errors are
 * not remembered.
 *
 * What is published, retracted or told through `changes` is forgotten at once, and so is an answer on its way.
 *
 * For sources that are asked often and answer slowly. The account's own list needs none: who keeps keys reads it once a
 * day and when it changes, and a remembered answer would make that day longer.
 */
export function cached(directory: KeyDirectory, o: CacheOptions = {}): KeyDirectory {
  const clock = o.clock ?? systemClock()
  const bounds = {
    ttlMs: o.ttlMs ?? 3_600_000,
    maxTtlMs: o.maxTtlMs ?? 86_400_000,
    negativeTtlMs: o.negativeTtlMs ?? 300_000,
    staleMs: o.staleMs ?? 0,
  }
  const maxEntries = Math.max(1, o.maxEntries ?? 1_000)
  const entries = new Map<string, Entry>()
  const underWay = flights<Items>()
  let forgotten = 0

  const read = (query: Query): Flight<Items> =>
    underWay(`${forgotten}\n${keyOf(query)}`, async (signal) => {
      const began = forgotten
      const items = await Array.fromAsync(directory.lookup(query, { signal }))
      if (began === forgotten) keep(query, items)
      return items
    })

  const keep = (query: Query, items: Items) => {
    const key = keyOf(query)
    const now = clock.now().getTime()
    const freshUntil = now + lifetimeOf(items, bounds)
    entries.delete(key)
    // The source does not want it kept: not as what is stale either.
    if (items.some((one) => "bytes" in one && one.expiresInMs === 0)) return
    entries.set(key, { owner: query.owner, items, freshUntil, staleUntil: freshUntil + bounds.staleMs })
    for (const oldest of entries.keys()) {
      if (entries.size <= maxEntries) break
      entries.delete(oldest)
    }
  }

  const forget = (owner?: BareJid) => {
    forgotten++
    for (const [key, entry] of entries) if (owner === undefined || entry.owner === owner) entries.delete(key)
  }

  const answer = async (query: Query, options: CallOptions): Promise<Items> => {
    throwIfAborted(options)
    const entry = entries.get(keyOf(query))
    const now = clock.now().getTime()
    if (entry !== undefined && now < entry.freshUntil) return entry.items
    if (entry === undefined || now >= entry.staleUntil) return read(query).wait(options)
    read(query)
      .wait({})
      .catch((error: unknown) => o.onFailure?.({ source: directory.name, owner: query.owner, error }))
    return entry.items
  }

  const { publish, retract, changes, subscribe } = directory
  return {
    name: directory.name,
    sources: directory.sources,
    place: directory.place,
    proves: directory.proves,
    notice: directory.notice,
    async *lookup(query, options = {}) {
      yield* await answer(query, options)
    },
    ...(publish && {
      async publish(certificate, options) {
        await publish.call(directory, certificate, options).finally(() => forget())
      },
    }),
    ...(retract && {
      async retract(fingerprint, options) {
        await retract.call(directory, fingerprint, options).finally(() => forget())
      },
    }),
    ...(subscribe && { subscribe: subscribe.bind(directory) }),
    ...(changes && {
      async *changes(options) {
        for await (const owner of changes.call(directory, options)) {
          forget(owner)
          yield owner
        }
      },
    }),
  }
}

function keyOf({ owner, fingerprint }: { readonly owner: BareJid; readonly fingerprint?: Fingerprint | undefined }) {
  return `${owner}\n${fingerprint ?? ""}`
}

/** The shortest of what the certificates may be kept for. */
function lifetimeOf(items: Items, o: { ttlMs: number; maxTtlMs: number; negativeTtlMs: number }): number {
  const times = items.map((one) => ("bytes" in one ? (one.expiresInMs ?? o.ttlMs) : o.negativeTtlMs))
  const shortest = items.length === 0 ? o.negativeTtlMs : Math.min(...times)
  return Math.min(Math.max(shortest, 0), o.maxTtlMs)
}
