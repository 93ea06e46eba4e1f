import { cryptoProviderCases, runCase } from "@aurochs/conformance"
import type { CryptoProvider, KeyFacts, TimeSpan } from "@aurochs/crypto"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"

const provider = openpgpjs()
const facts = provider.keyFacts as KeyFacts
const [EARLY, LATE] = [Date.UTC(2024, 5), Date.UTC(2037, 0)]

/** Every certificate that the suite looks at: expired, revoked, with odd subkeys and flags. */
const certificates: Uint8Array[] = []
/** What the suite found valid. */
const valid: { readonly certificate: Uint8Array; readonly now: Date; readonly signedAt: Date }[] = []

beforeAll(async () => {
  const seen = new Map<string, Uint8Array>()
  const watched: CryptoProvider = {
    ...provider,
    inspect: async (bytes, options) => {
      const info = await provider.inspect(bytes, options)
      seen.set(Buffer.from(bytes).toString("base64"), bytes)
      return info
    },
    open: async (message, options) => {
      const opened = await provider.open(message, options)
      for (const one of opened.signatures) {
        if (one.kind !== "valid") continue
        const from = await Promise.all(options.verifyWith.map(({ bytes }) => provider.inspect(bytes)))
        const certificate = from.find(({ fingerprint }) => fingerprint === one.certificate)?.bytes
        const { signedAt } = one
        if (certificate) valid.push({ certificate, now: options.now ?? new Date(), signedAt })
      }
      return opened
    },
  }
  for (const one of cryptoProviderCases) await runCase(one, watched)
  certificates.push(...seen.values())
}, 60_000)

const moments = () => fc.integer({ min: EARLY, max: LATE })
const some = () => fc.nat().map((n) => certificates[n % certificates.length] as Uint8Array)

/** A moment inside of a span, its edges among them. */
function inside({ from, until }: TimeSpan, where: number): number {
  const [first, last] = [Math.max(from, EARLY - 1e9), Math.min(until, LATE + 1e9) - 1]
  return Math.floor(first + (last - first) * where)
}
const where = () => fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }))

describe("keyFacts", () => {
  it("there is something to look at", () => {
    expect(certificates.length).toBeGreaterThan(20)
    expect(valid.length).toBeGreaterThan(20)
  })

  it("R17 A21: a choice is that of inspect, and the same everywhere in its span", async () => {
    await fc.assert(
      fc.asyncProperty(some(), moments(), where(), async (bytes, at, place) => {
        const chosen = await facts.encryptionKey(bytes, { now: new Date(at) })
        expect(chosen.holds.from <= at && at < chosen.holds.until).toBe(true)
        const now = new Date(inside(chosen.holds, place))
        expect((await provider.inspect(bytes, { now })).canEncrypt).toBe(chosen.key !== undefined)
        expect(await facts.encryptionKey(bytes, { now })).toEqual({
          ...chosen,
          madeAt: chosen.key ? chosen.madeAt : expect.anything(),
        })
      }),
      { numRuns: 600 },
    )
  })

  it("R17 A21: what inspect says is the same everywhere in its span, and the span is around the moment", async () => {
    await fc.assert(
      fc.asyncProperty(some(), moments(), where(), async (bytes, at, place) => {
        const said = await openpgpjs().inspect(bytes, { now: new Date(at) })
        const holds = said.holds ?? { from: Number.NaN, until: Number.NaN }
        expect(holds.from <= at && at < holds.until).toBe(true)
        expect(await openpgpjs().inspect(bytes, { now: new Date(inside(holds, place)) })).toEqual(said)
      }),
      { numRuns: 300 },
    )
  })

  it("A21 A22: whose signatures count is the same everywhere in both spans", async () => {
    await fc.assert(
      fc.asyncProperty(some(), moments(), moments(), where(), where(), async (bytes, at, made, a, b) => {
        const asked = await facts.signers(bytes, { now: new Date(at), signedAt: new Date(made) })
        const [now, signedAt] = [new Date(inside(asked.holds, a)), new Date(inside(asked.signedAt, b))]
        expect(await facts.signers(bytes, { now, signedAt })).toEqual(asked)
      }),
      { numRuns: 600 },
    )
  })

  it("R15: a signature that open calls valid is by a key that counts", async () => {
    for (const { certificate, now, signedAt } of valid) {
      const asked = await facts.signers(certificate, { now, signedAt })
      expect(asked.keys.length).toBeGreaterThan(0)
      expect(signedAt.getTime()).toBeLessThanOrEqual(now.getTime() + asked.toleranceMs)
    }
  })

  it("A21: at the end of a key's life nothing is encrypted to it, and nothing counts that is signed later", async () => {
    const now = new Date(Date.UTC(2025, 0))
    const { key } = await provider.generate({ userId: "xmpp:a@example.org", expiresInMs: 86_400_000 }, { now })
    const { bytes } = key.certificate
    const during = await facts.encryptionKey(bytes, { now: new Date(now.getTime() + 3_600_000) })
    const end = now.getTime() + 86_400_000
    expect(during.key).toMatchObject({ certificate: key.certificate.fingerprint })
    expect(during.holds.until).toBeLessThanOrEqual(end)
    expect((await facts.encryptionKey(bytes, { now: new Date(end) })).key).toBeUndefined()
    expect((await facts.signingKey(key, { now: new Date(end) })).key).toBeUndefined()
    const signers = (signedAt: number) =>
      facts.signers(bytes, { now: new Date(end + 1e6), signedAt: new Date(signedAt) })
    expect((await signers(end - 1000)).keys).toHaveLength(1)
    expect((await signers(end)).keys).toEqual([])
  })

  it("the keys that decrypt do not depend on the moment, and a disposed handle has none", async () => {
    const { key } = await provider.generate(
      { userId: "xmpp:a@example.org", expiresInMs: 1_000 },
      { now: new Date(EARLY) },
    )
    const keys = await facts.decryptionKeys(key)
    expect(keys).toHaveLength(1)
    expect(keys[0]?.publicKey[5]).toBe(18)
    await key[Symbol.asyncDispose]()
    await expect(facts.decryptionKeys(key)).rejects.toMatchObject({ code: "BACKEND" })
    await expect(facts.signingKey(key, { now: new Date() })).rejects.toMatchObject({ code: "BACKEND" })
  })

  it("an aborted signal ends every question, and a certificate that is none is BAD_DATA", async () => {
    const { key } = await provider.generate({ userId: "xmpp:a@example.org" })
    const { bytes } = key.certificate
    const now = new Date()
    const signal = AbortSignal.abort()
    const calls = [
      facts.encryptionKey(bytes, { now, signal }),
      facts.signers(bytes, { now, signedAt: now, signal }),
      facts.signingKey(key, { now, signal }),
      facts.decryptionKeys(key, { signal }),
    ]
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "ABORTED" })
    await expect(facts.encryptionKey(new Uint8Array(3), { now })).rejects.toMatchObject({ code: "BAD_DATA" })
    await expect(facts.signers(new Uint8Array(3), { now, signedAt: now })).rejects.toMatchObject({ code: "BAD_DATA" })
  })
})
