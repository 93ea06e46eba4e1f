import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { formatDateTime, parseDateTime } from "../src/index.ts"
import { expectRefused } from "./refused.ts"

describe("R11: XEP-0082 DateTime", () => {
  test("every form that clients send", () => {
    const forms: Record<string, string> = {
      "2014-07-10T17:06:00+02:00": "2014-07-10T15:06:00.000Z",
      "2014-07-10T15:06:00Z": "2014-07-10T15:06:00.000Z",
      "2014-07-10T15:06:00+0000": "2014-07-10T15:06:00.000Z",
      "2014-07-10T15:06:00-0000": "2014-07-10T15:06:00.000Z",
      "2014-07-10T15:06:00+00:00": "2014-07-10T15:06:00.000Z",
      "2014-07-10T10:36:00-0430": "2014-07-10T15:06:00.000Z",
      "2014-07-10T15:06:00.5Z": "2014-07-10T15:06:00.500Z",
      "2014-07-10T15:06:00.123456Z": "2014-07-10T15:06:00.123Z",
      "2014-07-10T15:06:00.999999999+01:00": "2014-07-10T14:06:00.999Z",
      " 2014-07-10T15:06:00Z\n": "2014-07-10T15:06:00.000Z",
      "2024-02-29T00:00:00Z": "2024-02-29T00:00:00.000Z",
      "1969-07-21T02:56:15Z": "1969-07-21T02:56:15.000Z",
      "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000Z",
      "9999-12-31T23:59:59Z": "9999-12-31T23:59:59.000Z",
    }
    for (const [text, iso] of Object.entries(forms)) expect(parseDateTime(text).toISOString()).toBe(iso)
  })

  test("what is no time", () => {
    for (const text of [
      "",
      "garbage",
      "2014",
      "2014-07-10",
      "2014-07-10T15:06Z",
      "2014-07-10T15:06:00",
      "2014-07-10 15:06:00Z",
      "20140710T15:06:00",
      "2014-7-10T15:06:00Z",
      "2014-13-10T15:06:00Z",
      "2014-00-10T15:06:00Z",
      "2014-07-00T15:06:00Z",
      "2014-02-31T15:06:00Z",
      "2023-02-29T15:06:00Z",
      "1900-02-29T15:06:00Z",
      "2014-04-31T15:06:00Z",
      "2014-07-10T24:00:00Z",
      "2014-07-10T15:60:00Z",
      "2014-07-10T15:06:60Z",
      "2014-07-10T15:06:00.Z",
      "2014-07-10T15:06:00z",
      "2014-07-10T15:06:00UTC",
      "2014-07-10T15:06:00+2",
      "2014-07-10T15:06:00+25:00",
      "2014-07-10T15:06:00+01:60",
      "+002014-07-10T15:06:00Z",
      "-2014-07-10T15:06:00Z",
      "٢٠١٤-07-10T15:06:00Z",
      "2014-07-10T15:06:00Z2014-07-10T15:06:00Z",
      `2014-07-10T15:06:00.${"0".repeat(100_000)}Z`,
    ])
      expectRefused(() => parseDateTime(text))
  })

  test("what is written has seconds and Z, and is read as the same second", () => {
    expect(formatDateTime(new Date("2014-07-10T17:06:00.999+02:00"))).toBe("2014-07-10T15:06:00Z")
    fc.assert(
      fc.property(
        fc.date({ min: new Date("0000-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true }),
        (date) => {
          const text = formatDateTime(date)
          expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
          expect(parseDateTime(text).getTime()).toBe(Math.floor(date.getTime() / 1000) * 1000)
        },
      ),
    )
  })

  test("the usual form is read as any other: as JavaScript reads it where the day exists, else refused", () => {
    const two = (max: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, "0"))
    const parts = fc.tuple(two(99), two(99), two(13), two(32), two(25), two(61), two(61))
    fc.assert(
      fc.property(parts, ([century, year, month, day, hour, minute, second]) => {
        const text = `${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`
        const at = new Date(text)
        const exists = !Number.isNaN(at.getTime()) && at.toISOString() === `${text.slice(0, 19)}.000Z`
        if (exists) expect(parseDateTime(text)).toEqual(at)
        else expectRefused(() => parseDateTime(text))
      }),
      { numRuns: 5_000 },
    )
  })

  test("a date that has no such form is not written", () => {
    for (const date of [new Date(Number.NaN), new Date(8.64e15), new Date(-8.64e15)])
      expectRefused(() => formatDateTime(date))
  })
})
