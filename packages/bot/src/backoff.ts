const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

/** 1 minute, doubled with each attempt, at most 1 hour. `attempts` counts from 1. */
export function backoffMs(attempts: number): number {
  return Math.min(HOUR_MS, MINUTE_MS * 2 ** Math.min(Math.max(attempts - 1, 0), 10))
}
