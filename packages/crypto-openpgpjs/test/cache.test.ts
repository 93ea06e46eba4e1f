import { describe, expect, it } from "vitest"
import { cache, sha256 } from "../src/cache.ts"

describe("cache", () => {
  it("makes a value once, also for callers at the same time", async () => {
    const values = cache<number>(4)
    let made = 0
    const make = async () => ++made
    expect(await Promise.all([values.get("a", make), values.get("a", make)])).toEqual([1, 1])
    expect(await values.get("a", make)).toBe(1)
  })

  it("forgets what was used longest ago", async () => {
    const values = cache<string>(2)
    let made = 0
    const get = (key: string) =>
      values.get(key, async () => {
        made++
        return key
      })
    for (const key of ["a", "b", "a", "c", "a"]) await get(key)
    expect(made).toBe(3)
    await get("b")
    expect(made).toBe(4)
  })

  it("does not keep a failure", async () => {
    const values = cache<number>(2)
    await expect(values.get("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no")
    expect(await values.get("a", async () => 7)).toBe(7)
  })

  it("keys are SHA-256", async () => {
    expect(await sha256(new TextEncoder().encode("abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )
  })
})
