import { type AnyAurochsError, type CallOptions, type Clock, isAurochsError } from "@aurochs/core"
import type { Logger } from "./logger.ts"

/** What may pass by itself: the database or the engine is away for a while. */
function isPassing(error: unknown): error is AnyAurochsError {
  return isAurochsError(error, "STORAGE") || isAurochsError(error, "BACKEND")
}

/**
 * Repeats what failed because storage or the engine was away: after 1, 2, 4 … seconds, at most 30.
 *
 * @param options.attempts in all; without end by default
 * @param options.stop with it, work that was aborted while neither this nor `signal` is counts as passing, too: somebody
 * else gave up what it waited for
 * @throws what the last attempt threw, and at once whatever does not pass by itself; `ABORTED`
 */
export async function retrying<T>(
  work: () => Promise<T>,
  options: CallOptions & {
    readonly clock: Clock
    readonly log: Logger
    readonly what: string
    readonly attempts?: number | undefined
    readonly stop?: AbortSignal | undefined
  },
): Promise<T> {
  const { clock, log, what, signal, stop, attempts = Number.POSITIVE_INFINITY } = options
  const isOfOthers = (error: unknown) =>
    stop !== undefined && !stop.aborted && !signal?.aborted && isAurochsError(error, "ABORTED")
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(isPassing(error) || isOfOthers(error)) || attempt >= attempts) throw error
      const retryInMs = Math.min(30_000, 1000 * 2 ** Math.min(attempt - 1, 5))
      log.error(`${what}: tried again`, { ...describeError(error), attempt, retryInMs })
      await clock.sleep(retryInMs, { signal })
    }
  }
}

/**
 * An error as fields of a log line: its code and message. Errors that are not ours may quote what they were working on,
 * so only their name is kept.
 */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (isAurochsError(error)) return { code: error.code, error: error.message }
  return { code: "UNEXPECTED", error: error instanceof Error ? error.name : typeof error }
}
