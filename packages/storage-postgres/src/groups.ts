import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises"
import { aborted, type CallOptions, throwIfAborted } from "@aurochs/core"
import { type Connection, isRefused } from "./connection.ts"

/** Most items of one group: while it is written, the next one gathers. */
const MAX_ITEMS = 128
/** A group ends before it holds more bytes than this; a larger item makes a group of its own. */
const MAX_BYTES = 4_194_304

/** After a group of several, others are likely to come: are fewer than this there, they are waited for a moment. */
const FEW = 32
const LINGER_MS = 2

/** Rows of a group for which a plan is kept. */
const MAX_KEPT_PLAN = 8

/** Runs what writes so many rows. */
export function runnerFor(link: Connection, rows: number): Connection["run"] {
  return rows <= MAX_KEPT_PLAN ? link.often : link.run
}

/** Small changes that arrive together are written together: one statement, one commit. */
export interface Groups<T, R> extends AsyncDisposable {
  /**
   * Resolves when the group of this item was committed.
   *
   * An item whose signal is aborted before its group begins changes nothing; afterwards the change is made, unobserved.
   */
  add(item: T, options?: CallOptions): Promise<R>
}

interface Waiting<T, R> {
  readonly item: T
  readonly bytes: number
  readonly signal: AbortSignal | undefined
  resolve(result: R): void
  reject(error: unknown): void
}

/**
 * Collects what is added in the same moment, and all that comes while a group is being written, in the order of arrival.
 * If the database refuses a group, each of its items is tried alone: nobody fails for another one's value.
 *
 * @param write one group, as a whole or not at all; the results in the order of the items
 * @param bytesOf about how much an item weighs
 */
export function groups<T, R>(
  write: (items: readonly T[]) => Promise<readonly R[]>,
  bytesOf: (item: T) => number = () => 0,
): Groups<T, R> {
  let waiting: Waiting<T, R>[] = []
  let running: Promise<void> | undefined

  const take = (): readonly Waiting<T, R>[] => {
    let bytes = 0
    let count = 0
    for (const { bytes: more } of waiting) {
      bytes += more
      if (count > 0 && (count >= MAX_ITEMS || bytes > MAX_BYTES)) break
      count += 1
    }
    const group = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return group.filter(({ signal }) => signal?.aborted !== true)
  }

  /** Writes a group; what is returned tells the callers. */
  const written = async (group: readonly Waiting<T, R>[]): Promise<() => Promise<void>> => {
    try {
      const results = await write(group.map(({ item }) => item))
      return async () => {
        for (const [at, { resolve }] of group.entries()) resolve(results[at] as R)
      }
    } catch (error) {
      return async () => {
        if (group.length === 1 || !isRefused(error)) for (const { reject } of group) reject(error)
        else for (const one of group) await (await written([one]))()
      }
    }
  }

  const work = async () => {
    // Whatever else is added in this moment goes along.
    await Promise.resolve()
    let tell: (() => Promise<void>) | undefined
    let wasLarge = false
    while (waiting.length > 0 || tell !== undefined) {
      const isEnough = waiting.length >= FEW || (tell === undefined && waiting.length > 0)
      const group = isEnough ? take() : []
      const writing = group.length === 0 ? undefined : written(group)
      // The next group is on its way before the callers of the last one go on: they prepare the one after it meanwhile.
      if (writing !== undefined && tell !== undefined) await immediate()
      await tell?.()
      tell = await writing
      if (writing === undefined && wasLarge && waiting.length < FEW) await sleep(LINGER_MS)
      wasLarge = group.length > 1
    }
    running = undefined
  }

  return {
    async add(item, options) {
      throwIfAborted(options)
      const signal = options?.signal
      const { promise, resolve, reject } = Promise.withResolvers<R>()
      waiting.push({ item, bytes: bytesOf(item), signal, resolve, reject })
      running ??= work()
      if (signal === undefined) return await promise
      const onAbort = () => reject(aborted(signal))
      signal.addEventListener("abort", onAbort, { once: true })
      try {
        return await promise
      } finally {
        signal.removeEventListener("abort", onAbort)
      }
    },
    async [Symbol.asyncDispose]() {
      while (running !== undefined) await running
    },
  }
}
