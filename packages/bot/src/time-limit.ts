import { AurochsError, type Clock, isAurochsError } from "@aurochs/core"

/**
 * Runs work that may not take longer than this: its signal is aborted then, and when one of `signals` is.
 *
 * @param limitMs milliseconds of `clock`
 * @returns what the work returns; whoever wants to know why it was aborted asks {@link isOverdue}
 */
export async function limited<T>(
  limitMs: number,
  clock: Clock,
  signals: readonly (AbortSignal | undefined)[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const limit = new AbortController()
  const timer = clock.sleep(limitMs, { signal: over.signal }).then(
    () => limit.abort(new AurochsError("NETWORK", "it took too long", { phase: "timeout" })),
    () => {},
  )
  try {
    return await work(AbortSignal.any([limit.signal, ...signals.filter((signal) => signal !== undefined)]))
  } finally {
    over.abort()
    await timer
  }
}

/** Was this signal of {@link limited} aborted because the time was up? Nothing is said about the connection then. */
export function isOverdue(signal: AbortSignal | undefined): boolean {
  return isAurochsError(signal?.reason, "NETWORK")
}
