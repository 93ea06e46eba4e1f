import { isAurochsError } from "@aurochs/core"
import { describe, expect, it } from "vitest"
import { defaultLimits, givenLimits } from "../src/index.ts"

describe("defaultLimits", () => {
  it("A16 A18 A19: bound what the attacks use", () => {
    expect(defaultLimits.maxPlaintextBytes).toBe(256 * 1024)
    expect(defaultLimits.maxCertificateBytes).toBe(64 * 1024)
    expect(defaultLimits.maxCertificateParts).toBe(32)
    // RFC 9580 §3.7.1.4 counts KiB: 64 MiB.
    expect(2 ** defaultLimits.maxArgon2MemoryExponent * 1024).toBe(64 * 2 ** 20)
    expect(defaultLimits.maxArgon2Passes).toBe(4)
  })

  it("leave room for every stanza that a server lets through", () => {
    // 256 KiB of Base64 are 192 KiB of OpenPGP.
    expect(defaultLimits.maxMessageBytes).toBeGreaterThan(192 * 1024)
  })

  it("are numbers above zero, all of them", () => {
    for (const limit of Object.values(defaultLimits)) expect(limit).toBeGreaterThan(0)
  })
})

describe("givenLimits", () => {
  it("A16: what would bound nothing is refused by name", () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, "5" as unknown as number]) {
      try {
        givenLimits({ maxPlaintextBytes: value })
        expect.unreachable(String(value))
      } catch (error) {
        if (!isAurochsError(error, "CONFIGURATION")) throw error
        expect(error.details).toEqual({ field: "maxPlaintextBytes" })
      }
    }
  })

  it("one that is undefined is not given, 0 is", () => {
    expect(givenLimits({ maxPackets: undefined as unknown as number, maxPlaintextBytes: 0 })).toEqual({
      maxPlaintextBytes: 0,
    })
    expect(givenLimits(undefined)).toEqual({})
  })
})
