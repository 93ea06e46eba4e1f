import type { SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { openssl } from "../src/index.ts"
import { newKey, setting, utf8 } from "./setting.ts"

describe("the fast path", () => {
  it("R3: seals and opens usual messages by itself, and OpenPGP.js reads them and is read", async () => {
    const { provider, fallback, handedOn } = setting()
    const [alice, bob] = [await newKey(provider, "alice"), await newKey(provider, "bob")]
    const transferable = await provider.secrets?.export(bob, { passphrase: "none" })
    const [bobThere] = await fallback.importSecret(transferable ?? utf8(""))
    const aliceThere = await newKey(fallback, "alice")
    if (bobThere === undefined) throw new Error("no key")
    const recipients = [bob.certificate, alice.certificate]
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 20_000, size: "max" }), async (plaintext) => {
        const sealed = await provider.signcrypt(plaintext, { recipients, signWith: alice })
        const theirs = await fallback.open(sealed, { decryptWith: [bobThere], verifyWith: [alice.certificate] })
        expect(theirs).toMatchObject({ plaintext, signatures: [{ kind: "valid" }] })
        expect(await provider.open(sealed, { decryptWith: [bob], verifyWith: [alice.certificate] })).toEqual(theirs)
        const back = await fallback.signcrypt(plaintext, { recipients, signWith: aliceThere })
        const ours = await provider.open(back, { decryptWith: [bob], verifyWith: [aliceThere.certificate] })
        expect(ours).toMatchObject({ plaintext, signatures: [{ kind: "valid" }] })
        const unsigned = await provider.encrypt(plaintext, { recipients })
        expect(await fallback.open(unsigned, { decryptWith: [bobThere], verifyWith: [] })).toMatchObject({ plaintext })
        expect(await provider.open(unsigned, { decryptWith: [bob], verifyWith: [] })).toMatchObject({ signatures: [] })
      }),
      { numRuns: 40 },
    )
    expect(handedOn).toEqual([])
  })

  it("I8: a certificate that is named twice gets one session key", async () => {
    const { provider, handedOn } = setting()
    const alice = await newKey(provider, "alice")
    const twice = [alice.certificate, { ...alice.certificate, bytes: alice.certificate.bytes.slice() }]
    const [once, both] = await Promise.all(
      [[alice.certificate], twice].map((recipients) => provider.signcrypt(utf8("x"), { recipients, signWith: alice })),
    )
    expect(both?.length).toBe(once?.length)
    expect(handedOn).toEqual([])
  })

  it("leaves to the fallback what it does not do: many recipients, v6 keys, unknown signers", async () => {
    const { provider, handedOn } = setting()
    const [alice, six] = [
      await newKey(provider, "alice"),
      (await provider.generate({ userId: "xmpp:six@example.org", version: 6 })).key,
    ]
    const many = await Promise.all(Array.from({ length: 65 }, (_, i) => newKey(provider, `u${i}`)))
    await provider.encrypt(utf8("x"), { recipients: many.map(({ certificate }) => certificate) })
    const sealed = await provider.signcrypt(utf8("x"), { recipients: [six.certificate], signWith: six })
    await provider.open(sealed, { decryptWith: [six], verifyWith: [six.certificate] })
    const unknown = await provider.signcrypt(utf8("x"), { recipients: [alice.certificate], signWith: alice })
    const opened = await provider.open(unknown, { decryptWith: [alice], verifyWith: [] })
    expect(opened.signatures).toMatchObject([{ reason: "unknown-key" }])
    expect(handedOn).toEqual(["encrypt", "signcrypt", "open", "open"])
  })

  it("A15 A25: altered messages are the fallback's, with its errors", async () => {
    const { provider, handedOn } = setting()
    const alice = await newKey(provider, "alice")
    const sealed = await provider.signcrypt(utf8("x"), { recipients: [alice.certificate], signWith: alice })
    const options = { decryptWith: [alice], verifyWith: [alice.certificate] }
    const last = sealed.slice()
    last[last.length - 1] = (last.at(-1) ?? 0) ^ 1
    await expect(provider.open(last, options)).rejects.toMatchObject({
      code: "CANNOT_DECRYPT",
      details: { because: "damaged" },
    })
    await expect(provider.open(sealed.subarray(0, 150), options)).rejects.toMatchObject({ code: "BAD_DATA" })
    expect(handedOn).toEqual(["open", "open"])
  })

  it("A16: its bounds are those of the fallback, and of the call", async () => {
    const handedOn: string[] = []
    const fallback = openpgpjs({ limits: { maxPlaintextBytes: 100 } })
    const provider = openssl({ fallback, onHandedOn: (call) => handedOn.push(call) })
    const alice = await newKey(provider, "alice")
    const recipients = [alice.certificate]
    const open = async (length: number, limits?: object) =>
      provider.open(await provider.encrypt(new Uint8Array(length), { recipients }), {
        ...{ decryptWith: [alice], verifyWith: [], limits },
      })
    expect((await open(100)).plaintext).toHaveLength(100)
    expect(handedOn).toEqual([])
    const limit = { code: "BAD_DATA", details: { limit: "maxPlaintextBytes" } }
    await expect(open(101)).rejects.toMatchObject(limit)
    await expect(open(50, { maxPlaintextBytes: 49 })).rejects.toMatchObject(limit)
  })

  it("a call aborted on its way ends with ABORTED also when everything is known already", async () => {
    const { provider } = setting()
    const alice = await newKey(provider, "alice")
    const options = { recipients: [alice.certificate], signWith: alice }
    const sealed = await provider.signcrypt(utf8("x"), options)
    const opening = { decryptWith: [alice], verifyWith: [alice.certificate] }
    await provider.open(sealed, opening)
    const aborting = async (start: (signal: AbortSignal) => Promise<unknown>) => {
      const controller = new AbortController()
      const call = start(controller.signal)
      controller.abort()
      await expect(call).rejects.toMatchObject({ code: "ABORTED" })
    }
    await aborting((signal) => provider.signcrypt(utf8("x"), { ...options, signal }))
    await aborting((signal) => provider.encrypt(utf8("x"), { recipients: options.recipients, signal }))
    await aborting((signal) => provider.open(sealed, { ...opening, signal }))
  })

  it("needs a fallback that tells what it decides", () => {
    const silent = { ...openpgpjs(), keyFacts: undefined }
    expect(() => openssl({ fallback: silent })).toThrow(
      expect.objectContaining({ code: "CONFIGURATION", details: { field: "fallback" } }),
    )
  })

  it("works with a fallback whose secret keys do not leave it", async () => {
    const { provider, handedOn } = setting({ secrets: undefined })
    const alice: SecretKey = await newKey(provider, "alice")
    const sealed = await provider.signcrypt(utf8("x"), { recipients: [alice.certificate], signWith: alice })
    const opened = await provider.open(sealed, { decryptWith: [alice], verifyWith: [alice.certificate] })
    expect(opened.signatures).toMatchObject([{ kind: "valid" }])
    expect(handedOn).toEqual(["signcrypt", "open"])
  })
})
