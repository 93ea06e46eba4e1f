import type { Clock } from "@aurochs/core"
import type { Logger } from "./logger.ts"

/** Lines in one minute that are told; the others are counted. */
const MAX_LINES = 10
const MINUTE_MS = 60_000

/**
 * For what any stranger can cause: so many lines a minute are told, the others at `debug` only, and their number when the
 * minute is over.
 *
 * @param what the line with the number
 * @param stop nothing is counted any more
 */
export function boundedLines(
  log: Logger,
  level: "info" | "warn",
  { clock, what, stop }: { readonly clock: Clock; readonly what: string; readonly stop: AbortSignal },
): Logger["warn"] {
  let told = 0
  let isCounting = false

  const count = async () => {
    isCounting = true
    await clock.sleep(MINUTE_MS, { signal: stop }).catch(() => {})
    if (told > MAX_LINES) log[level](what, { more: told - MAX_LINES })
    told = 0
    isCounting = false
  }

  return (message, fields) => {
    told += 1
    if (told <= MAX_LINES) log[level](message, fields)
    else log.debug(message, fields)
    if (!isCounting) void count()
  }
}
