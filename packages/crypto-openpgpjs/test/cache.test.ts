import { describe, expect, it } from "vitest"
import { cache } from "../src/cache.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

describe("cache", () => {
  it("makes a value once, also for callers at the same time", async () => {
    const values = cache<number>(4)
    let made = 0
    const make = async () => ++made
    expect(await Promise.all([values.get(bytes("a"), make), values.get(bytes("a"), make)])).toEqual([1, 1])
    expect(await values.get(bytes("a"), make)).toBe(1)
  })

  it("forgets what was used longest ago", async () => {
    const values = cache<string>(2)
    let made = 0
    const get = (key: string) =>
      values.get(bytes(key), async () => {
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
    await expect(values.get(bytes("a"), () => Promise.reject(new Error("no")))).rejects.toThrow("no")
    expect(await values.get(bytes("a"), async () => 7)).toBe(7)
  })

  it("takes bytes that the caller changed for what they are now", async () => {
    const values = cache<string>(4)
    const make = async (copy: Uint8Array) => new TextDecoder().decode(copy)
    const mine = bytes("one")
    const first = values.get(mine, make)
    mine.set(bytes("two"))
    expect([await first, await values.get(mine, make)]).toEqual(["one", "two"])
    expect(await values.get(bytes("one"), () => Promise.reject(new Error("made again")))).toBe("one")
  })

  it("A19: does not mistake bytes with the same checksum for each other", async () => {
    const values = cache<string>(4)
    const make = async (copy: Uint8Array) => new TextDecoder().decode(copy)
    // The checksum (FNV-1a, 32 bits) of both is the same.
    for (const text of ["costarring", "liquid", "costarring", "liquid"])
      expect(await values.get(bytes(text), make)).toBe(text)
  })
})
