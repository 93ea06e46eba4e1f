import type { Clock } from "@aurochs/core"

/** Of one kind in one minute. */
const MAX_TOLD = 10
const MINUTE_MS = 60_000

/** Lets through the first of a kind in each period, and counts the others. */
export interface Bound {
  /** False: it is one of those that are only counted. */
  take(): boolean
  /** After the stop: resolves when the number is told. */
  told(): Promise<void>
}

/** What a bound needs. */
export interface BoundOptions {
  readonly clock: Clock
  /** Nothing is counted any more; what was counted is told at once. */
  readonly stop: AbortSignal
  /** Ten by default. */
  readonly max?: number | undefined
  /** Milliseconds; a minute by default. */
  readonly periodMs?: number | undefined
}

/**
 * For what others can cause as often as they like.
 *
 * @param onMore told at the end of a period in which there were more; must not throw
 */
export function createBound(o: BoundOptions, onMore: (more: number) => void | Promise<void>): Bound {
  const { clock, stop, max = MAX_TOLD, periodMs = MINUTE_MS } = o
  let count = 0
  let isCounting = false
  let counted: Promise<void> = Promise.resolve()

  const counting = async () => {
    await clock.sleep(periodMs, { signal: stop }).catch(() => {})
    const more = count - max
    count = 0
    isCounting = false
    if (more > 0) await onMore(more)
  }

  return {
    take() {
      count += 1
      if (!isCounting) {
        isCounting = true
        counted = Promise.all([counted, counting()]).then(() => {})
      }
      return count <= max
    },
    told: () => counted,
  }
}
