import { afterEach, describe, expect, test, vi } from "vitest"
import { isAurochsError, systemClock } from "../src/index.ts"

const DAY_MS = 86_400_000

describe("systemClock", () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test("now is now", () => {
    expect(Math.abs(systemClock().now().getTime() - Date.now())).toBeLessThan(1_000)
  })

  test("sleep ends after its time, and leaves nothing on the signal", async () => {
    vi.useFakeTimers()
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, "removeEventListener")
    const ended = vi.fn()
    const sleeping = systemClock().sleep(1_000, { signal }).then(ended)
    await vi.advanceTimersByTimeAsync(999)
    expect(ended).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    await sleeping
    expect(removed).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  test("sleep rejects with ABORTED at once, and its timer is gone", async () => {
    vi.useFakeTimers()
    const controller = new AbortController()
    const sleeping = systemClock().sleep(60_000, { signal: controller.signal })
    const outcome = sleeping.catch((error: unknown) => error)
    controller.abort(new Error("enough"))
    const error = await outcome
    expect(isAurochsError(error, "ABORTED")).toBe(true)
    expect((error as Error).cause).toEqual(new Error("enough"))
    expect(vi.getTimerCount()).toBe(0)
  })

  test("sleep does not begin if the signal is aborted", async () => {
    vi.useFakeTimers()
    await expect(systemClock().sleep(0, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" })
    expect(vi.getTimerCount()).toBe(0)
  })

  test("sleep of a month is a month, though a timer takes 24.8 days at most", async () => {
    vi.useFakeTimers()
    const ended = vi.fn()
    const sleeping = systemClock()
      .sleep(30 * DAY_MS)
      .then(ended)
    await vi.advanceTimersByTimeAsync(30 * DAY_MS - 1)
    expect(ended).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    await sleeping
  })
})
