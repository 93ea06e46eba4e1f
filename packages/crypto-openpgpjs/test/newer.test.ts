import * as pgp from "openpgp"
import { describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"
import { config, person } from "./fixtures/build.ts"

// What RFC 9580 added, which this provider reads and never sends to a v4 key.

const made = new Date("2025-01-01T00:00:00Z")
const text = new TextEncoder().encode("newer")

describe("RFC 9580", () => {
  const v6 = { type: "curve25519" as const, config: { ...config, v6Keys: true, aeadProtect: true } }

  it.each([
    ["OCB", pgp.enums.aead.ocb],
    ["EAX", pgp.enums.aead.eax],
    ["GCM", pgp.enums.aead.gcm],
  ])("SEIPDv2 with %s opens, and an altered byte is damage", async (_, preferredAEADAlgorithm) => {
    const provider = openpgpjs()
    const { key } = await person(["xmpp:v6@example.org"], made, v6)
    const [own] = await provider.importSecret(key.write())
    if (own === undefined) throw new Error("no key")
    const sealed = await pgp.encrypt({
      message: await pgp.createMessage({ binary: text }),
      encryptionKeys: key.toPublic(),
      signingKeys: key,
      format: "binary",
      config: { ...config, aeadProtect: true, preferredAEADAlgorithm },
    })
    const options = { decryptWith: [own], verifyWith: [own.certificate] }
    const opened = await provider.open(sealed, options)
    expect(opened.plaintext).toEqual(text)
    expect(opened.signatures).toMatchObject([{ kind: "valid", certificate: own.certificate.fingerprint }])
    sealed[sealed.length - 40] = (sealed[sealed.length - 40] ?? 0) ^ 1
    const damaged = { code: "CANNOT_DECRYPT", details: { because: "damaged" } }
    await expect(provider.open(sealed, options)).rejects.toMatchObject(damaged)
  })

  it("a v6 recipient that announces SEIPDv2 still gets SEIPDv1, which everybody reads", async () => {
    const provider = openpgpjs()
    const { key } = await person(["xmpp:v6@example.org"], made, v6)
    const certificate = await provider.inspect(key.toPublic().write())
    expect(certificate).toMatchObject({ canEncrypt: true, canSign: true, algorithm: "ed25519" })
    const sealed = await provider.encrypt(text, { recipients: [certificate] })
    const { packets } = await pgp.readMessage({ binaryMessage: sealed, config })
    expect(packets.at(-1)).toMatchObject({ version: 1 })
  })

  it("a key locked with Argon2 within the limits opens", async () => {
    const provider = openpgpjs()
    const { key } = await person(["xmpp:argon2@example.org"], made)
    const cheap = { passes: 1, parallelism: 1, memoryExponent: 10 }
    const locked = await pgp.encryptKey({
      privateKey: key,
      passphrase: "pass",
      config: { ...config, aeadProtect: true, s2kType: pgp.enums.s2k.argon2, s2kArgon2Params: cheap },
    })
    const passphrase = new TextEncoder().encode("pass")
    expect(await provider.importSecret(locked.write(), { passphrase })).toHaveLength(1)
    const wrong = provider.importSecret(locked.write(), { passphrase: new TextEncoder().encode("Pass") })
    await expect(wrong).rejects.toMatchObject({ details: { because: "bad-passphrase" } })
    const strict = openpgpjs({ limits: { maxArgon2MemoryExponent: 9 } })
    await expect(strict.importSecret(locked.write(), { passphrase })).rejects.toMatchObject({
      details: { limit: "maxArgon2MemoryExponent" },
    })
  })
})

describe("options", () => {
  it("clock: what now is where a call gives none", async () => {
    const { key } = await person(["xmpp:a@example.org"], made, { keyExpirationTime: 86_400 })
    const bytes = key.toPublic().write()
    const at = (now: Date) => openpgpjs({ clock: { now: () => now, sleep: async () => {} } }).inspect(bytes)
    expect((await at(new Date("2025-01-01T12:00:00Z"))).canEncrypt).toBe(true)
    expect((await at(new Date("2025-01-03T00:00:00Z"))).canEncrypt).toBe(false)
    await expect(at(new Date(Number.NaN))).rejects.toMatchObject({ code: "CONFIGURATION" })
  })

  it("limits: bounds of the provider hold where a call gives none", async () => {
    const { key } = await person(["xmpp:a@example.org"], made)
    const small = openpgpjs({ limits: { maxCertificateBytes: 100 } })
    await expect(small.inspect(key.toPublic().write())).rejects.toMatchObject({
      details: { limit: "maxCertificateBytes" },
    })
  })

  it("one bad certificate in a cache of one does not disturb the next", async () => {
    const provider = openpgpjs({ cacheEntries: 1 })
    const { key } = await person(["xmpp:a@example.org"], made)
    const bytes = key.toPublic().write()
    for (const input of [bytes, bytes.subarray(0, 60), bytes, bytes]) {
      const info = await provider.inspect(input).catch(() => undefined)
      expect(info === undefined).toBe(input.length === 60)
    }
  })

  it("nothing but the port is in the answer", () => {
    expect(Object.keys(openpgpjs()).sort()).toEqual(
      "certifiedBy encrypt generate importSecret inspect keyFacts lifecycle merge minimize name open openWithSessionKey secretKey secrets sign signcrypt verdicts".split(
        " ",
      ),
    )
  })
})

describe("generate", () => {
  it("the key of a fresh pair answers to GnuPG 2.2: v4, Ed25519 legacy that signs, Curve25519 legacy to encrypt to", async () => {
    const { key } = await openpgpjs().generate({ userId: "xmpp:a@example.org" })
    const read = await pgp.readKey({ binaryKey: key.certificate.bytes })
    expect(read.keyPacket).toMatchObject({ version: 4, algorithm: pgp.enums.publicKey.eddsaLegacy })
    expect(read.subkeys.map((s) => s.keyPacket.algorithm)).toEqual([pgp.enums.publicKey.ecdh])
    expect(read.users[0]?.selfCertifications[0]?.keyFlags?.[0]).toBe(3)
    expect(read.subkeys[0]?.bindingSignatures[0]?.keyFlags?.[0]).toBe(12)
  })

  it.each(["", "xmpp:a\n@example.org", `xmpp:${"a".repeat(3000)}`, "xmpp:\ud800"])(
    "refuses the User ID %j",
    async (userId) => {
      await expect(openpgpjs().generate({ userId })).rejects.toMatchObject({
        code: "CONFIGURATION",
        details: { field: "userId" },
      })
    },
  )

  it.each([0, -1, Number.NaN, 2 ** 53])("refuses to expire in %d ms", async (expiresInMs) => {
    const call = openpgpjs().generate({ userId: "xmpp:a@example.org", expiresInMs })
    await expect(call).rejects.toMatchObject({ code: "CONFIGURATION", details: { field: "expiresInMs" } })
  })

  it.each(["xmpp:a@example.org", "Juliet <juliet@example.org>", "xmpp:joe(comment)@example.org"])(
    "the User ID %j comes out as it went in",
    async (userId) => {
      const provider = openpgpjs()
      const { key } = await provider.generate({ userId })
      expect((await provider.inspect(key.certificate.bytes)).userIds).toEqual([{ text: userId, status: "valid" }])
    },
  )
})
