import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { webSha256 } from "../src/digest.ts"
import { digestOf } from "../src/index.ts"

describe("digestOf", () => {
  it("is SHA-256 over the fields with their lengths", async () => {
    const framed = Buffer.from("\0\0\0\x02ab\0\0\0\0\0\0\0\x02\xc3\xa9", "latin1")
    expect(await digestOf("ab", new Uint8Array(), "é")).toBe(createHash("sha256").update(framed).digest("hex"))
  })

  it("any text counts as UTF-8", async () => {
    for (const text of ["a".repeat(64), "a".repeat(65), `${"a".repeat(63)}é`, "\u{1f402}\ud800", ""]) {
      const utf8 = Buffer.from(text, "utf8")
      const framed = Buffer.concat([Buffer.from([0, 0, 0, utf8.length]), utf8])
      expect(await digestOf(text)).toBe(createHash("sha256").update(framed).digest("hex"))
    }
  })

  it("A2: tells apart fields that are the same bytes when put together", async () => {
    const digests = await Promise.all([digestOf("ab", "c"), digestOf("a", "bc"), digestOf("abc"), digestOf("abc", "")])
    expect(new Set(digests).size).toBe(4)
  })

  it("the way of browsers gives the same", async () => {
    const framed = Uint8Array.from([0, 0, 0, 3, 97, 98, 99])
    expect(await webSha256(framed)).toBe(await digestOf("abc"))
  })
})
