/** How far a clock may be ahead: 10 minutes, in milliseconds. */
export const MAX_AHEAD_MS = 600_000
/** How old a message may be on arrival: 7 days, in milliseconds. */
export const MAX_AGE_MS = 604_800_000

/**
 * Is the time inside a message plausible (XEP-0373 §3.2, R20)? It is held against our own server's stamp where there
 * is one, else against now: at most 10 minutes ahead, at most 7 days behind.
 *
 * @param writtenAt the `<time/>` inside
 * @param stampedAt of our own server's archive or `<delay/>`, nobody else's
 */
export function isPlausibleTime(writtenAt: Date, now: Date, stampedAt: Date | undefined): boolean {
  const ahead = writtenAt.getTime() - (stampedAt ?? now).getTime()
  return ahead <= MAX_AHEAD_MS && ahead >= -MAX_AGE_MS
}
