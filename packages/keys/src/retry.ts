const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** A list older than this is read again before sending: 24 hours, in milliseconds. */
export const maxListAgeMs: number = 24 * HOUR_MS

/**
 * Does the key list have to be read again before sending? Yes if it was never read, or if the clock was put back.
 *
 * @param readAt when it was last read completely
 * @param maxAgeMs 24 hours by default
 */
export function isStale(readAt: Date | undefined, now: Date, maxAgeMs: number = maxListAgeMs): boolean {
  if (readAt === undefined) return true
  const ageMs = now.getTime() - readAt.getTime()
  return !(ageMs >= 0 && ageMs < maxAgeMs)
}

/**
 * How long to wait before asking again for the keys of a recipient who has none: 1, 2, 4 … minutes, at most 1 hour.
 *
 * @param failures readings in a row that brought no usable key, from 1
 * @returns milliseconds
 */
export function lookupDelayMs(failures: number): number {
  const doublings = Math.min(Math.max(Math.trunc(failures) - 1, 0), 6)
  return Math.min(MINUTE_MS * 2 ** doublings, HOUR_MS)
}
