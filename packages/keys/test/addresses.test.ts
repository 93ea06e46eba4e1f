import { isAurochsError } from "@aurochs/core"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { addressRule, isLoopback, literalAddress } from "../src/http/addresses.ts"
import { serverUrl } from "../src/http/client.ts"
import { maxAgeMs, retryAfterMs } from "../src/http/headers.ts"

const rule = addressRule()

describe("which addresses may be connected to (A34)", () => {
  test.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "fe80::1%eth0",
    "fec0::1",
    "2001::1",
    "not an address",
    "",
  ])("%s may not", (address) => {
    expect(rule("host.example", address)).toBe(false)
  })

  test.each([
    "9.9.9.9",
    "100.63.255.255",
    "172.32.0.1",
    "192.169.0.1",
    "2620:fe::fe",
    "64:ff9b::909:909",
    "::ffff:9.9.9.9",
  ])("%s may", (address) => {
    expect(rule("host.example", address)).toBe(true)
  })

  test("a private IPv4 address is refused in every IPv6 form of it", () => {
    const byte = fc.nat({ max: 255 })
    fc.assert(
      fc.property(fc.constantFrom("10", "127", "192.168"), byte, byte, byte, (net, a, b, c) => {
        const four = (net === "192.168" ? [net, a, b] : [net, a, b, c]).join(".")
        const words = four.split(".").map(Number)
        const hex = (high = 0, low = 0) => ((high << 8) | low).toString(16)
        const tail = `${hex(words[0], words[1])}:${hex(words[2], words[3])}`
        for (const text of [four, `::ffff:${four}`, `::ffff:${tail}`, `0:0:0:0:0:ffff:${tail}`, `64:ff9b::${tail}`]) {
          expect(rule("host.example", text)).toBe(false)
        }
      }),
    )
  })

  test("what is named is allowed, and nothing beside it", () => {
    const some = addressRule(["127.0.0.1", "10.8.0.0/16", "fd00:1::/32", "keys.corp.example"])
    expect(some("a.example", "127.0.0.1")).toBe(true)
    expect(some("a.example", "::ffff:127.0.0.1")).toBe(true)
    expect(some("a.example", "127.0.0.2")).toBe(false)
    expect(some("a.example", "10.8.3.4")).toBe(true)
    expect(some("a.example", "10.9.3.4")).toBe(false)
    expect(some("a.example", "fd00:1:2::3")).toBe(true)
    expect(some("KEYS.corp.example", "192.168.0.7")).toBe(true)
    expect(some("x.keys.corp.example", "192.168.0.7")).toBe(false)
  })

  test.each(["10.0.0.0/33", "10.0.0.0/x", "http://host", "a b", "::1/129"])("allowPrivate %j is refused", (entry) => {
    expect(() => addressRule([entry])).toThrow(expect.objectContaining({ code: "CONFIGURATION" }))
  })

  test("loopback and literals are recognised", () => {
    expect(["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"].every(isLoopback)).toBe(true)
    expect(["128.0.0.1", "::2", "10.0.0.1"].some(isLoopback)).toBe(false)
    expect(literalAddress("[::1]")).toBe("::1")
    expect(literalAddress("localhost")).toBeUndefined()
  })
})

describe("key servers", () => {
  test.each(["https://keys.example", "https://keys.example:8443/", "http://127.0.0.1:11371", "http://[::1]:11371"])(
    "%s may be asked",
    (text) => {
      expect(serverUrl(text).href.endsWith("/")).toBe(true)
    },
  )

  test.each([
    "http://keys.example",
    "http://localhost:11371",
    "http://10.0.0.1",
    "https://user:secret@keys.example",
    "https://keys.example/?x",
    "hkp://keys.example",
    "keys.example",
  ])("%s may not: HTTPS only", (text) => {
    try {
      serverUrl(text)
      expect.unreachable()
    } catch (error) {
      expect(isAurochsError(error, "CONFIGURATION")).toBe(true)
      expect(String(error)).not.toContain("secret")
    }
  })
})

describe("what headers say", () => {
  const now = new Date("2026-11-23T12:00:00Z")

  test("Retry-After: seconds or a date, at most a day", () => {
    expect(retryAfterMs("120", now)).toBe(120_000)
    expect(retryAfterMs("Mon, 23 Nov 2026 12:01:00 GMT", now)).toBe(60_000)
    expect(retryAfterMs("Mon, 23 Nov 2020 12:01:00 GMT", now)).toBe(0)
    expect(retryAfterMs("999999999", now)).toBe(86_400_000)
    expect(retryAfterMs("soon", now)).toBeUndefined()
    expect(retryAfterMs(undefined, now)).toBeUndefined()
  })

  test("max-age", () => {
    expect(maxAgeMs("public, max-age=600")).toBe(600_000)
    expect(maxAgeMs("s-maxage=10")).toBeUndefined()
    expect(maxAgeMs(undefined)).toBeUndefined()
    for (const never of ["no-cache", "no-store, max-age=3600", "public, No-Store", 'no-cache="set-cookie"']) {
      expect(maxAgeMs(never)).toBe(0)
    }
  })
})
