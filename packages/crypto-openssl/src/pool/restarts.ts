/** How many workers are started again within so many milliseconds: what always ends at once is not started all the time. */
const MAX_RESTARTS = 4
const WITHIN_MS = 60_000

/**
 * Asked before each start in place of a worker that has ended.
 *
 * @returns 0: it may be started, and counts; otherwise in how many milliseconds to ask again
 */
export function restarts(now: () => number = () => performance.now()): () => number {
  let recent: number[] = []
  return () => {
    const at = now()
    recent = recent.filter((one) => at - one < WITHIN_MS)
    const [oldest] = recent
    if (oldest !== undefined && recent.length >= MAX_RESTARTS) return oldest + WITHIN_MS - at
    recent.push(at)
    return 0
  }
}
