import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { webBase64 } from "../src/base64.ts"
import { decodeBase64, encodeBase64 } from "../src/index.ts"
import { expectRefused } from "./refused.ts"

describe("R1, R27: Base64 (RFC 4648 §4)", () => {
  test("the vectors of RFC 4648 §10", () => {
    const vectors = {
      "": "",
      f: "Zg==",
      fo: "Zm8=",
      foo: "Zm9v",
      foob: "Zm9vYg==",
      fooba: "Zm9vYmE=",
      foobar: "Zm9vYmFy",
    }
    for (const [text, base64] of Object.entries(vectors)) {
      expect(encodeBase64(new TextEncoder().encode(text))).toBe(base64)
      expect(new TextDecoder().decode(decodeBase64(base64))).toBe(text)
    }
  })

  test("any bytes, on one line, and back", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.constantFrom(" ", "\n", "\r\n", "\t", "")),
        (bytes, spaces) => {
          const text = encodeBase64(bytes)
          expect(text).toBe(Buffer.from(bytes).toString("base64"))
          expect(decodeBase64(text)).toEqual(bytes)
          const spread = [...text].map((c, i) => c + (spaces[i % spaces.length] ?? "")).join("")
          expect(decodeBase64(spread)).toEqual(bytes)
        },
      ),
    )
    const large = Uint8Array.from({ length: 100_001 }, (_, i) => i % 251)
    expect(decodeBase64(encodeBase64(large))).toEqual(large)
  })

  test("the way of browsers gives the same", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = encodeBase64(bytes)
        expect(webBase64.encode(bytes)).toBe(text)
        expect(webBase64.decode(text)).toEqual(bytes)
      }),
    )
    const large = Uint8Array.from({ length: 100_001 }, (_, i) => i % 251)
    expect(webBase64.encode(large)).toBe(encodeBase64(large))
    for (const text of ["Zm-_", "Z===", "=", "Zm9v!"]) expect(webBase64.decode(text)).toBeUndefined()
  })

  test("what is decoded owns its memory", () => {
    const bytes = decodeBase64("Zm9v")
    expect([bytes.constructor, bytes.buffer.byteLength]).toEqual([Uint8Array, 3])
  })

  test("what is not Base64", () => {
    for (const text of [
      "Z",
      "Zg",
      "Zg=",
      "Zg===",
      "Z===",
      "=",
      "====",
      "Zg==Zg==",
      "Zm9v=",
      "Zm-_",
      "Zm9v!",
      "Zm\u00a09v",
      "Zh==",
      "Zm9=",
      "Zm9vé",
      "-----BEGIN",
    ])
      expectRefused(() => decodeBase64(text))
  })
})
