import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { cryptoRandom, type Random, randomId, randomInteger } from "../src/index.ts"

/** Gives these numbers, four bytes each. */
function scripted(...numbers: number[]): Random & { readonly left: number[] } {
  const left = [...numbers]
  return {
    left,
    bytes: (length) => {
      const bytes = new Uint8Array(length)
      new DataView(bytes.buffer).setUint32(0, left.shift() ?? 0)
      return bytes
    },
  }
}

describe("randomInteger", () => {
  test("both ends are reached, nothing beyond", () => {
    expect(randomInteger(scripted(0), 5, 7)).toBe(5)
    expect(randomInteger(scripted(2), 5, 7)).toBe(7)
    expect(randomInteger(scripted(3), 5, 7)).toBe(5)
    expect(randomInteger(scripted(2 ** 32 - 1), 0, 2 ** 32 - 1)).toBe(2 ** 32 - 1)
    expect(randomInteger(scripted(9), -1, -1)).toBe(-1)
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (min, span) => {
        const value = randomInteger(cryptoRandom(), min, min + span)
        expect(value).toBeGreaterThanOrEqual(min)
        expect(value).toBeLessThanOrEqual(min + span)
      }),
    )
  })

  test("what would favour the small ones is drawn again", () => {
    // 2^32 = 3 · 1431655765 + 1: one value too many.
    const random = scripted(2 ** 32 - 1, 2 ** 32 - 2)
    expect(randomInteger(random, 0, 2)).toBe(2)
    expect(random.left).toEqual([])
    const wide = scripted(2 ** 31 + 1, 2 ** 32 - 1, 2 ** 31)
    expect(randomInteger(wide, 0, 2 ** 31)).toBe(2 ** 31)
    expect(wide.left).toEqual([])
  })

  test("uniform: 90,000 draws of ten", () => {
    const counts = Array<number>(10).fill(0)
    for (let i = 0; i < 90_000; i++) {
      const value = randomInteger(cryptoRandom(), 0, 9)
      counts[value] = (counts[value] ?? 0) + 1
    }
    const chi2 = counts.reduce((sum, count) => sum + (count - 9_000) ** 2 / 9_000, 0)
    // Nine degrees of freedom: above 45 once in a million runs.
    expect(chi2).toBeLessThan(45)
  })

  test("a range that is none is refused rather than drawn for ever", () => {
    for (const [min, max] of [
      [1, 0],
      [0, 2 ** 32],
      [0.5, 3],
      [0, Number.NaN],
      [0, Number.POSITIVE_INFINITY],
      [Number.NaN, 1],
    ] as const)
      expect(() => randomInteger(cryptoRandom(), min, max)).toThrow(RangeError)
  })
})

describe("randomId and cryptoRandom", () => {
  test("128 bits as hex, leading zeros too, never twice", () => {
    expect(randomId({ bytes: (length) => new Uint8Array(length).fill(7) })).toBe("07".repeat(16))
    const ids = new Set(Array.from({ length: 1_000 }, () => randomId(cryptoRandom())))
    expect(ids.size).toBe(1_000)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
  })

  test("as many bytes as asked for", () => {
    for (const length of [0, 1, 255, 256, 257, 1_024, 65_536]) expect(cryptoRandom().bytes(length)).toHaveLength(length)
    for (const length of [-1, 65_537, Number.POSITIVE_INFINITY]) expect(() => cryptoRandom().bytes(length)).toThrow()
  })

  test("no piece is given out twice, whoever asks, and each is its owner's alone", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 16, max: 300 }), { minLength: 1, maxLength: 60 }), (lengths) => {
        const pieces = lengths.map((length) => cryptoRandom().bytes(length))
        const blocks = pieces.flatMap((piece) =>
          Array.from({ length: Math.floor(piece.length / 16) }, (_, i) =>
            Buffer.from(piece.subarray(16 * i, 16 * i + 16)).toString("hex"),
          ),
        )
        expect(new Set(blocks).size).toBe(blocks.length)
        for (const piece of pieces) expect(piece.buffer.byteLength).toBe(piece.length)
      }),
    )
  })
})
