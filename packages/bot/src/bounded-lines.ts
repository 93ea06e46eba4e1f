import { type BoundOptions, createBound } from "./bound.ts"
import type { Logger } from "./logger.ts"

/**
 * For what any stranger can cause: so many lines a minute are told, the others at `debug` only, and their number when the
 * minute is over.
 *
 * @param o.what the line with the number
 */
export function boundedLines(
  log: Logger,
  level: "info" | "warn",
  o: BoundOptions & { readonly what: string },
): Logger["warn"] {
  const bound = createBound(o, (more) => log[level](o.what, { more }))
  return (message, fields) => (bound.take() ? log[level](message, fields) : log.debug(message, fields))
}
