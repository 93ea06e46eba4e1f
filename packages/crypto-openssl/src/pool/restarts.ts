/** How many workers are started again within so many milliseconds: what always ends at once is not started for ever. */
const MAX_RESTARTS = 4
const WITHIN_MS = 60_000

/** Asked before each start in place of a worker that has ended. */
export function restarts(now: () => number = () => performance.now()): () => boolean {
  let recent: number[] = []
  return () => {
    recent = recent.filter((at) => now() - at < WITHIN_MS)
    if (recent.length >= MAX_RESTARTS) return false
    recent.push(now())
    return true
  }
}
