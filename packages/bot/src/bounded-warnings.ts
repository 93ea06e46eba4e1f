import type { Clock } from "@aurochs/core"
import type { Logger } from "./logger.ts"

/** Lines in one minute at `warn`; the others are counted. */
const MAX_LINES = 10
const MINUTE_MS = 60_000

/**
 * For what any stranger can cause: so many lines a minute are warnings, the others are told at `debug` only, and their
 * number when the minute is over.
 *
 * @param stop nothing is counted any more
 */
export function boundedWarnings(log: Logger, clock: Clock, what: string, stop: AbortSignal): Logger["warn"] {
  let told = 0
  let isCounting = false

  const count = async () => {
    isCounting = true
    await clock.sleep(MINUTE_MS, { signal: stop }).catch(() => {})
    if (told > MAX_LINES) log.warn(what, { more: told - MAX_LINES })
    told = 0
    isCounting = false
  }

  return (message, fields) => {
    told += 1
    if (told <= MAX_LINES) log.warn(message, fields)
    else log.debug(message, fields)
    if (!isCounting) void count()
  }
}
