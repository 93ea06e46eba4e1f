import { AurochsError, type BareJid, type CallOptions, isAurochsError, type KnownKey } from "@aurochs/core"
import { type KeyChange, type OtherSource, refreshElsewhere } from "@aurochs/keys"
import { askedUnder } from "./asked-under.ts"
import type { Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"
import { isOverdue, limited } from "./time-limit.ts"

/** Other sources hear of one owner not more often than this, however often the list is read. */
const MIN_INTERVAL_MS = 600_000
/** One that could not be asked is left alone for so long. */
const PAUSE_MS = 600_000
/** Or for as long as it says itself, at most. */
const MAX_PAUSE_MS = 86_400_000
/** What a message waits for one of them. */
const MAX_WAIT_MS = 20_000
/** Owners that are remembered for the first bound. */
const MAX_REMEMBERED = 1000

/** What other sources brought. */
export interface ReadElsewhere {
  readonly changed: readonly KeyChange[]
  /** What is known now, if anything changed. */
  readonly known?: readonly KnownKey[] | undefined
  /** Why not all were asked: `STORAGE`, `BACKEND`, `ABORTED`. What changed before is stored all the same. */
  readonly failure?: { readonly error: unknown } | undefined
}

/** Keys from other sources than the accounts' own lists, as far as somebody switched them on. */
export interface Elsewhere {
  /**
   * Asks them, after the owner's list was read. One that fails is told in the log, and the others are asked.
   *
   * @param o.asking ends the questions
   * @param o.writing ends everything; what was answered is stored under it
   */
  read(owner: BareJid, o: { readonly asking: AbortSignal; readonly writing: AbortSignal }): Promise<ReadElsewhere>
  /**
   * Do all that may bind a key answer that they have none for this owner? One that cannot be asked may have one.
   *
   * @throws {AurochsError} what the source throws that could not be asked
   */
  haveNothing(owner: BareJid, options?: CallOptions): Promise<boolean>
}

/**
 * Checks what was switched on.
 *
 * @throws {AurochsError} `CONFIGURATION` (`sources`) for one that is to bind keys and cannot
 */
export function checkedSources(sources: readonly OtherSource[] = []): readonly OtherSource[] {
  const wrong = sources.find(({ directory, mayBind }) => mayBind === true && directory.proves === undefined)
  if (wrong === undefined) return sources
  const text = `${wrong.directory.name} cannot say whose a key is: it can only refresh keys that are known`
  throw new AurochsError("CONFIGURATION", text, { field: "sources" })
}

/** Makes it. */
export function createElsewhere({
  account,
  sources,
  storage,
  provider,
  clock,
  log,
}: Pick<Parts, "account" | "sources" | "storage" | "provider" | "clock" | "log">): Elsewhere {
  const askedAt = new Map<BareJid, number>()
  const pausedUntil = new Map<OtherSource, number>()

  const isDue = (owner: BareJid, now: number): boolean => {
    const last = askedAt.get(owner)
    if (last !== undefined && now >= last && now - last < MIN_INTERVAL_MS) return false
    askedAt.delete(owner)
    askedAt.set(owner, now)
    for (const oldest of askedAt.keys()) {
      if (askedAt.size <= MAX_REMEMBERED) break
      askedAt.delete(oldest)
    }
    return true
  }

  const failed = (source: OtherSource, owner: BareJid, error: unknown) => {
    const asked = isAurochsError(error, "HTTP") ? (error.details.retryAfterMs ?? 0) : 0
    pausedUntil.set(source, clock.now().getTime() + Math.min(Math.max(PAUSE_MS, asked), MAX_PAUSE_MS))
    log.warn("a source of keys could not be asked", { source: source.directory.name, owner, ...describeError(error) })
  }

  const ask = async (source: OtherSource, owner: BareJid, asking: AbortSignal, writing: AbortSignal) => {
    const base = { owner, account, keys: storage.keys, audit: storage.audit, provider, clock, signal: writing }
    const onFailure = ({ error }: { readonly error: unknown }) => failed(source, owner, error)
    let bounded: AbortSignal | undefined
    try {
      return await limited(MAX_WAIT_MS, clock, [asking], (signal) => {
        bounded = signal
        const sources = [{ ...source, directory: askedUnder(source.directory, signal) }]
        return refreshElsewhere({ ...base, sources, onFailure })
      })
    } catch (error) {
      if (!isAurochsError(error, "ABORTED") || writing.aborted || !isOverdue(bounded)) throw error
      failed(source, owner, bounded?.reason)
      return []
    }
  }

  return {
    async read(owner, { asking, writing }) {
      const changed: KeyChange[] = []
      let known: readonly KnownKey[] | undefined
      if (sources.length === 0 || !isDue(owner, clock.now().getTime())) return { changed }
      for (const source of sources) {
        if (clock.now().getTime() < (pausedUntil.get(source) ?? 0)) continue
        try {
          for (const refreshed of await ask(source, owner, asking, writing)) {
            changed.push(...refreshed.changed)
            if (refreshed.changed.length > 0) known = refreshed.known
          }
        } catch (error) {
          return { changed, known, failure: { error } }
        }
      }
      return { changed, known }
    },

    async haveNothing(owner, options) {
      for (const { directory, mayBind } of sources) {
        if (mayBind !== true) continue
        for await (const _ of directory.lookup({ owner }, options)) return false
      }
      return true
    },
  }
}
