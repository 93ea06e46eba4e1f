/** A day: what a server asks for beyond it is cut. */
const DAY_MS = 86_400_000

/**
 * `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
 *
 * @returns milliseconds from now, at most a day; undefined if it says nothing that can be read
 */
export function retryAfterMs(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined
  if (/^[0-9]{1,9}$/.test(value.trim())) return Math.min(Number(value) * 1000, DAY_MS)
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.min(Math.max(at - now.getTime(), 0), DAY_MS)
}

/**
 * How long an answer may be kept (RFC 9111 §5.2.2.1, §5.2.2.4, §5.2.2.5).
 *
 * @returns milliseconds, 0 for `no-store` and `no-cache`; undefined if the server says nothing of it
 */
export function maxAgeMs(cacheControl: string | undefined): number | undefined {
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/i.test(cacheControl ?? "")) return 0
  const match = /(?:^|[\s,])max-age="?([0-9]{1,9})"?(?:$|[\s,])/i.exec(cacheControl ?? "")
  return match?.[1] === undefined ? undefined : Number(match[1]) * 1000
}
