import { isAurochsError } from "@aurochs/core"
import { expect } from "vitest"

/** Expects `BAD_DATA` (`xml`); with this limit, or with none. */
export function expectRefused(work: () => unknown, limit?: string): void {
  let thrown: unknown
  try {
    work()
  } catch (error) {
    thrown = error
  }
  expect(isAurochsError(thrown, "BAD_DATA"), String(thrown ?? "nothing was thrown")).toBe(true)
  if (isAurochsError(thrown, "BAD_DATA"))
    expect(thrown.details).toEqual(limit ? { what: "xml", limit } : { what: "xml" })
}
