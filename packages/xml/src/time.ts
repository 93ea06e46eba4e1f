// XEP-0082 v1.1.1, XMPP Date and Time Profiles. https://xmpp.org/extensions/xep-0082.html
import { badXml } from "./limits.ts"

/**
 * A moment as `YYYY-MM-DDThh:mm:ssZ` (XEP-0082 §3.2): the one form that every client reads.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) outside the years 0000 to 9999
 */
export function formatDateTime(date: Date): string {
  const text = Number.isNaN(date.getTime()) ? "" : date.toISOString()
  if (text.length !== 24) throw badXml("a time outside the years 0000 to 9999")
  return `${text.slice(0, 19)}Z`
}

const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/

/**
 * Reads a DateTime: `Z`, `+hh:mm`, and `+hhmm` as Profanity sends it; fractions of a second to the millisecond.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`), also for the 31st of February
 */
export function parseDateTime(text: string): Date {
  const match = FORM.exec(text.trim())
  if (match === null) throw badXml("not a DateTime of XEP-0082")
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const zone = match[8] ?? "Z"
  const milliseconds = Math.trunc(Number(`0.${match[7] ?? "0"}`) * 1000)
  const local = new Date(0)
  local.setUTCFullYear(year, month - 1, day)
  local.setUTCHours(hour, minute, second, milliseconds)
  const sameDay = local.getUTCFullYear() === year && local.getUTCMonth() === month - 1 && local.getUTCDate() === day
  if (!sameDay || hour > 23 || minute > 59 || second > 59) throw badXml("a day or time that does not exist")
  return new Date(local.getTime() - offsetMinutes(zone) * 60_000)
}

function offsetMinutes(zone: string): number {
  if (zone === "Z") return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(-2))
  if (hours > 14 || minutes > 59) throw badXml("a time zone that does not exist")
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes)
}
