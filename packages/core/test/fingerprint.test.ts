import { describe, expect, test } from "vitest"
import { fingerprint, formatFingerprint, isAurochsError } from "../src/index.ts"

const V4 = "1357B01865B2503C18453D208CAC2A9678548E35"
const V6 = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"

describe("R24: fingerprints", () => {
  test("as people and programs write them", () => {
    for (const text of [
      V4,
      V4.toLowerCase(),
      "1357 B018 65B2 503C 1845  3D20 8CAC 2A96 7854 8E35",
      `\n${V4}\n`,
      V4.replace(/(..)(?=.)/g, "$1:"),
    ])
      expect(fingerprint(text)).toBe(V4)
    expect(fingerprint(V6.toLowerCase())).toBe(V6)
  })

  test("what is none", () => {
    for (const text of [
      "",
      V4.slice(1),
      `${V4}0`,
      `${V6}0`,
      V4.slice(24),
      V4.replace("1", "G"),
      `0x${V4}`,
      "１".repeat(40),
      " ".repeat(300) + V4,
      "0".repeat(1_000_000),
    ]) {
      try {
        fingerprint(text)
        expect.unreachable()
      } catch (error) {
        expect(isAurochsError(error, "BAD_DATA") && error.details).toEqual({ what: "fingerprint" })
      }
    }
  })

  test("in groups of four, which are read again", () => {
    expect(formatFingerprint(V4)).toBe("1357 B018 65B2 503C 1845 3D20 8CAC 2A96 7854 8E35")
    expect(fingerprint(formatFingerprint(V6))).toBe(V6)
  })
})
