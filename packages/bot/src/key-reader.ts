import { AurochsError, type BareJid, type CallOptions, isAurochsError, orAborted } from "@aurochs/core"
import { type Refreshed, refreshKeys } from "@aurochs/keys"
import { askedUnder } from "./asked-under.ts"
import type { Elsewhere } from "./elsewhere.ts"
import type { Parts } from "./parts.ts"
import { isOverdue, limited } from "./time-limit.ts"

/** What one owner's list may take, however long anybody waits for it. */
const MAX_LIST_MS = 300_000

/** Reads the keys of contacts: the list, then what was switched on besides. */
export interface KeyReader {
  /**
   * One reading after another for each owner: of two that see a new key, only the first one finds it new. A reading that
   * was begun goes on to its end, whoever waits for it: what it stores is told in any case.
   *
   * @param options ends this caller's wait only
   * @returns did anything change?
   * @throws {AurochsError} as `KeyDirectory.lookup`; `NETWORK` (`timeout`), `STORAGE`, `BACKEND`, `ABORTED`
   */
  read(owner: BareJid, options?: CallOptions): Promise<boolean>
  /** Resolves when no reading is under way. */
  settled(): Promise<void>
}

/** What it works with. */
export interface KeyReaderOptions {
  readonly parts: Parts
  readonly elsewhere: Elsewhere
  /** Told of each reading, also of one of which only the beginning succeeded. */
  readonly onRead: (owner: BareJid, result: Refreshed) => Promise<void>
  /** Nobody is asked any more. */
  readonly stop: AbortSignal
  /** Nothing is written any more. */
  readonly hardStop: AbortSignal
}

/** Makes it. */
export function createKeyReader({ parts, elsewhere, onRead, stop, hardStop }: KeyReaderOptions): KeyReader {
  const { account, storage, directory, provider, clock } = parts
  const running = new Map<BareJid, Promise<boolean>>()
  /** Begins after the one that runs; whoever comes meanwhile joins it. */
  const next = new Map<BareJid, Promise<boolean>>()

  const readList = async (owner: BareJid): Promise<Refreshed> => {
    let bounded: AbortSignal | undefined
    try {
      return await limited(MAX_LIST_MS, clock, [stop], (signal) => {
        bounded = signal
        return refreshKeys({
          owner,
          directory: askedUnder(directory, signal),
          keys: storage.keys,
          provider,
          clock,
          audit: storage.audit,
          account,
          state: storage.state,
          signal: hardStop,
        })
      })
    } catch (error) {
      if (!isAurochsError(error, "ABORTED") || !isOverdue(bounded)) throw error
      throw new AurochsError("NETWORK", "the list took too long", { phase: "timeout" }, { cause: error })
    }
  }

  const readNow = async (owner: BareJid): Promise<boolean> => {
    const announced = await readList(owner)
    const others = await elsewhere.read(owner, { asking: stop, writing: hardStop })
    const changed = [...announced.changed, ...others.changed]
    await onRead(owner, { ...announced, known: others.known ?? announced.known, changed })
    if (others.failure !== undefined) throw others.failure.error
    return changed.some((change) => change.kind !== "key-missing")
  }

  const start = (owner: BareJid): Promise<boolean> => {
    const made = readNow(owner).finally(() => running.delete(owner))
    // Whoever waited may have gone.
    made.catch(() => {})
    running.set(owner, made)
    return made
  }

  const joined = (owner: BareJid): Promise<boolean> => {
    const queued = next.get(owner)
    if (queued !== undefined) return queued
    const before = running.get(owner)
    if (before === undefined) return start(owner)
    const made = before
      .catch(() => {})
      .then(() => {
        next.delete(owner)
        return start(owner)
      })
    made.catch(() => {})
    next.set(owner, made)
    return made
  }

  return {
    read: (owner, options) => orAborted(joined(owner), options),
    async settled() {
      while (running.size + next.size > 0) await Promise.allSettled([...running.values(), ...next.values()])
    },
  }
}
