import { deflateSync } from "node:zlib"
import { isAurochsError } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"
import { compressed, concat, literal, message, opaque, type Person, person, raw, write } from "./fixtures/build.ts"

const made = new Date("2025-01-01T00:00:00Z")

/** Processor time of this process: a busy machine must not decide whether an attack is expensive. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

describe("hostile input", () => {
  const provider = openpgpjs()
  let bob: Person
  let key: SecretKey

  beforeAll(async () => {
    bob = await person(["xmpp:bob@example.org"], made)
    const [own] = await provider.importSecret(bob.key.write())
    if (own === undefined) throw new Error("no key")
    key = own
  })

  const failure = async (bytes: Uint8Array) => {
    const started = cpuMs()
    const error: unknown = await provider
      .open(bytes, { decryptWith: [key], verifyWith: [key.certificate] })
      .catch((e: unknown) => e)
    return { error, ms: cpuMs() - started }
  }

  it.each([
    ["unknown packets", opaque(60, new Uint8Array())],
    ["unknown critical packets", opaque(30, new Uint8Array())],
    ["broken signatures", opaque(2, new Uint8Array())],
    ["broken one-pass signatures", opaque(4, new Uint8Array())],
    ["empty texts", opaque(11, new Uint8Array())],
    ["texts", literal("x")],
    ["keys", opaque(6, new Uint8Array())],
    ["broken compressed packets", opaque(8, new Uint8Array())],
    ["reserved packets", opaque(0, new Uint8Array())],
  ])("A16: a flood of %s inside a message costs nothing", async (_, one) => {
    const inside = [...Array.from({ length: 80_000 }, () => one), literal("x")]
    const { error, ms } = await failure(await message({ text: "", to: [bob.key.toPublic()], inside }))
    expect(isAurochsError(error, "BAD_DATA")).toBe(true)
    expect(ms).toBeLessThan(1000)
    const signed = await failure(await message({ text: "", inside }))
    expect(isAurochsError(signed.error, "BAD_DATA")).toBe(true)
  })

  it("A16: a flood of markers, compressed, is read or refused within a second", async () => {
    const flood = concat(Array.from({ length: 30_000 }, () => raw(10, new Uint8Array(3))))
    const inside = [compressed(2, concat([flood, write([literal("x")])]))]
    const { ms } = await failure(await message({ text: "", to: [bob.key.toPublic()], inside }))
    expect(ms).toBeLessThan(1000)
  })

  it("A16: 400 MiB from 400 KiB take less than a second and less than 64 MiB", async () => {
    const size = 400 * 2 ** 20
    const zeros = Buffer.alloc(size + 12)
    zeros.set([0xc0 | 11, 255, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255, 0x62, 0])
    const bomb = raw(8, concat([Uint8Array.of(2), deflateSync(zeros, { level: 9 })]))
    await failure(bomb)
    const before = process.resourceUsage().maxRSS
    const { error, ms } = await failure(bomb)
    expect(isAurochsError(error, "BAD_DATA") && error.details.limit).toBe("maxPlaintextBytes")
    expect(ms).toBeLessThan(1000)
    expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(64)
  })

  it("A29: more session keys than are tried end soon", async () => {
    const to = Array.from({ length: 60 }, () => bob.key.toPublic())
    const sealed = await message({ text: "x", to, wildcard: true })
    const stranger = await person(["xmpp:stranger@example.org"], made)
    const [other] = await provider.importSecret(stranger.key.write())
    if (other === undefined) throw new Error("no key")
    const started = cpuMs()
    const call = provider.open(sealed, { decryptWith: [other], verifyWith: [] })
    await expect(call).rejects.toMatchObject({ code: "CANNOT_DECRYPT", details: { because: "not-for-us" } })
    expect(cpuMs() - started).toBeLessThan(1000)
    const mine = provider.open(sealed, { decryptWith: [key], verifyWith: [], limits: { maxPackets: 100 } })
    expect((await mine).encryptedTo).toBe(key.certificate.fingerprint)
  })

  const known = (error: unknown) =>
    isAurochsError(error, "BAD_DATA") || isAurochsError(error, "CANNOT_DECRYPT") || isAurochsError(error, "UNSUPPORTED")

  it("whatever bytes come, the answer is one of the port's errors", async () => {
    const options = { decryptWith: [key], verifyWith: [key.certificate] }
    const start = fc.constantFrom(
      ...[0xc1, 0xd2, 0xc4, 0xcb, 0xc8, 0xc2, 0x85, 0xa3, 0x99].map((b) => Uint8Array.of(b)),
    )
    const bytes = fc.tuple(start, fc.uint8Array({ maxLength: 200 })).map(([a, b]) => concat([a, b]))
    await fc.assert(
      fc.asyncProperty(bytes, async (input) => {
        const calls = [provider.open(input, options), provider.inspect(input), provider.importSecret(input)]
        for (const result of await Promise.allSettled<unknown>(calls)) {
          if (result.status === "rejected" && !known(result.reason)) throw result.reason
        }
      }),
      { numRuns: 150 },
    )
  })

  it("whatever byte of a key or certificate is changed, nothing worse than a named error comes of it", async () => {
    const secret = bob.key.write()
    const certificate = bob.key.toPublic().write()
    const primary = key.certificate.fingerprint
    await fc.assert(
      fc.asyncProperty(fc.nat(secret.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const bad = secret.slice()
        bad[at] = (bad[at] ?? 0) ^ mask
        const imported = await provider.importSecret(bad).catch((e: unknown) => e)
        if (!Array.isArray(imported) && !known(imported) && !isAurochsError(imported, "KEY_LOCKED")) throw imported
        const odd = certificate.slice()
        odd[at % odd.length] = (odd[at % odd.length] ?? 0) ^ mask
        const info: unknown = await provider.inspect(odd).catch((e: unknown) => e)
        if (info instanceof Error && !known(info)) throw info
        // Another key is another fingerprint; under the same one no changed User ID counts.
        if (!(info instanceof Error)) {
          const { fingerprint, userIds } = info as Awaited<ReturnType<typeof provider.inspect>>
          const valid = userIds.filter((one) => one.status === "valid").map((one) => one.text)
          if (fingerprint === primary) expect(["xmpp:bob@example.org", undefined]).toContain(valid[0])
          else expect(valid).toEqual([])
        }
      }),
      { numRuns: 150 },
    )
  })
}, 60_000)
