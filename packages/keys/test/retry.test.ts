import { expect, test } from "vitest"
import { isStale, lookupDelayMs, maxListAgeMs } from "../src/index.ts"
import { now } from "./samples.ts"

const ago = (ms: number) => new Date(now.getTime() - ms)

test("a list is read again after 24 hours, or when the clock was put back", () => {
  expect(maxListAgeMs).toBe(86_400_000)
  expect(isStale(undefined, now)).toBe(true)
  expect(isStale(now, now)).toBe(false)
  expect(isStale(ago(86_399_999), now)).toBe(false)
  expect(isStale(ago(86_400_000), now)).toBe(true)
  expect(isStale(ago(-1), now)).toBe(true)
  expect(isStale(new Date(Number.NaN), now)).toBe(true)
  expect(isStale(ago(1000), now, 1000)).toBe(true)
})

test("a recipient without a key is asked for after 1 minute, then twice as late each time, at most after 1 hour", () => {
  const minutes = [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((failures) => lookupDelayMs(failures) / 60_000)
  expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
  expect([0, -5, 1.5].map((failures) => lookupDelayMs(failures))).toEqual([60_000, 60_000, 60_000])
})
