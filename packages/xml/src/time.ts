// XEP-0082 v1.1.1, XMPP Date and Time Profiles. https://xmpp.org/extensions/xep-0082.html
import { badXml } from "./limits.ts"

/**
 * A moment as `YYYY-MM-DDThh:mm:ssZ` (XEP-0082 §3.2): the one form that every client reads.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) outside the years 0000 to 9999
 */
export function formatDateTime(date: Date): string {
  const second = Math.floor(date.getTime() / 1000)
  // Many messages have the same second. NaN equals nothing.
  if (second !== last.second) last = { second, text: formatted(date) }
  return last.text
}

/** What was written last. */
let last: { readonly second: number; readonly text: string } = { second: 0, text: "1970-01-01T00:00:00Z" }

function formatted(date: Date): string {
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
  const usual = usualTime(text)
  if (usual !== undefined) return new Date(usual)
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

/** As {@link formatDateTime} writes it, on a day that every month has; undefined: whatever it is, it is read step by step. */
function usualTime(text: string): number | undefined {
  const isFormed =
    text.length === 20 &&
    text.charCodeAt(4) === HYPHEN &&
    text.charCodeAt(7) === HYPHEN &&
    text.charCodeAt(10) === 0x54 &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON &&
    text.charCodeAt(19) === 0x5a
  if (!isFormed) return undefined
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  const second = twoDigits(text, 17)
  // Written so that what is no number fits nowhere. JavaScript takes the years below 100 for others.
  const isDay = year >= 100 && month >= 1 && month <= 12 && day >= 1 && day <= 28
  const fits = isDay && hour <= 23 && minute <= 59 && second <= 59
  return fits ? Date.UTC(year, month - 1, day, hour, minute, second) : undefined
}

const HYPHEN = 0x2d
const COLON = 0x3a

/** Two ASCII digits as a number; else NaN. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30
  const ones = text.charCodeAt(at + 1) - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

function offsetMinutes(zone: string): number {
  if (zone === "Z") return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(-2))
  if (hours > 14 || minutes > 59) throw badXml("a time zone that does not exist")
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes)
}
