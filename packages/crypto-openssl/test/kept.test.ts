import type { KeyFacts, SecretTransfer } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, it } from "vitest"
import { openssl } from "../src/index.ts"
import { newKey, setting, utf8 } from "./setting.ts"

const START = new Date("2025-06-01T12:00:00Z")
const later = (ms: number): Date => new Date(START.getTime() + ms)
const HOUR = 3_600_000

/** A fallback that counts what it is asked. */
function counted() {
  const asked = { encryptionKey: 0, signers: 0, signingKey: 0, export: 0 }
  const good = openpgpjs()
  const facts = good.keyFacts as KeyFacts
  const secrets = good.secrets as SecretTransfer
  const exported: Uint8Array[] = []
  const fallback = {
    ...good,
    keyFacts: {
      ...facts,
      encryptionKey: (...call: Parameters<KeyFacts["encryptionKey"]>) => {
        asked.encryptionKey++
        return facts.encryptionKey(...call)
      },
      signers: (...call: Parameters<KeyFacts["signers"]>) => {
        asked.signers++
        return facts.signers(...call)
      },
      signingKey: (...call: Parameters<KeyFacts["signingKey"]>) => {
        asked.signingKey++
        return facts.signingKey(...call)
      },
    },
    secrets: {
      ...secrets,
      export: async (...call: Parameters<SecretTransfer["export"]>) => {
        asked.export++
        const bytes = await secrets.export(...call)
        exported.push(bytes)
        return bytes
      },
    },
  }
  const handedOn: string[] = []
  return { asked, exported, handedOn, provider: openssl({ fallback, onHandedOn: (call) => handedOn.push(call) }) }
}

describe("what is kept of decisions", () => {
  it("for the same certificate the fallback is asked once, whatever object it comes in", async () => {
    const { asked, provider, handedOn } = counted()
    const [alice, bob] = [await newKey(provider, "alice", START), await newKey(provider, "bob", START)]
    for (let i = 1; i <= 5; i++) {
      const now = later(i * HOUR)
      const recipients = [{ ...bob.certificate, bytes: bob.certificate.bytes.slice() }]
      const sealed = await provider.signcrypt(utf8("x"), { recipients, signWith: alice, now })
      const verifyWith = [{ ...alice.certificate, bytes: alice.certificate.bytes.slice() }]
      const opened = await provider.open(sealed, { decryptWith: [bob], verifyWith, now })
      expect(opened.signatures).toMatchObject([{ kind: "valid", signedAt: now }])
    }
    expect(asked).toEqual({ encryptionKey: 1, signers: 1, signingKey: 1, export: 2 })
    expect(handedOn).toEqual([])
  })

  it("A21: a key that expires is refused from that moment on, for sealing and for verifying", async () => {
    const { provider } = counted()
    const { key } = await provider.generate({ userId: "xmpp:a@example.org", expiresInMs: 2 * HOUR }, { now: START })
    const recipients = [key.certificate]
    const seal = (now: Date) => provider.signcrypt(utf8("x"), { recipients, signWith: key, now })
    const open = async (sealed: Uint8Array, now: Date) =>
      (await provider.open(sealed, { decryptWith: [key], verifyWith: recipients, now })).signatures
    const sealed = await seal(later(HOUR))
    expect(await open(sealed, later(HOUR))).toMatchObject([{ kind: "valid" }])
    await seal(later(2 * HOUR - 1))
    await expect(seal(later(2 * HOUR))).rejects.toMatchObject({ code: "NO_USABLE_KEY" })
    await expect(provider.encrypt(utf8("x"), { recipients, now: later(2 * HOUR) })).rejects.toMatchObject({
      code: "NO_USABLE_KEY",
    })
    expect(await open(sealed, later(3 * HOUR))).toMatchObject([{ kind: "valid" }])
    await seal(later(HOUR))
  })

  it("A22: a signature from the future waits for its time", async () => {
    const { provider } = counted()
    const alice = await newKey(provider, "alice", START)
    const options = { decryptWith: [alice], verifyWith: [alice.certificate] }
    const sealed = await provider.signcrypt(utf8("x"), {
      ...{ recipients: [alice.certificate], signWith: alice, now: later(2 * HOUR) },
    })
    const at = async (now: Date) => (await provider.open(sealed, { ...options, now })).signatures
    for (const now of [later(HOUR), later(2 * HOUR - 600_001)]) {
      expect(await at(now)).toMatchObject([{ reason: "unusable-key", because: "not-yet-valid" }])
    }
    for (const now of [later(2 * HOUR - 600_000), later(3 * HOUR)])
      expect(await at(now)).toMatchObject([{ kind: "valid" }])
    expect(await at(later(HOUR))).toMatchObject([{ because: "not-yet-valid" }])
  })

  it("A21: a revocation counts from the first call that has it, also in the same array of bytes", async () => {
    const { provider } = counted()
    const [alice, bob] = [await newKey(provider, "alice", START), await newKey(provider, "bob", START)]
    const revoked = await provider.lifecycle?.revoke(bob, { reason: "compromised", now: later(HOUR) })
    if (revoked === undefined) throw new Error("no revocation")
    const now = later(2 * HOUR)
    const bytes = bob.certificate.bytes.slice()
    const seal = (certificate: Uint8Array) =>
      provider.signcrypt(utf8("x"), { recipients: [{ ...bob.certificate, bytes: certificate }], signWith: alice, now })
    await seal(bytes)
    await expect(seal(revoked.bytes)).rejects.toMatchObject({ code: "NO_USABLE_KEY" })
    // Somebody writes something else into the bytes that were good a moment ago.
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    await expect(seal(bytes)).rejects.toThrow()
  })

  it("the oldest certificates are forgotten when there are too many", async () => {
    const { provider, fallback, handedOn } = setting()
    const small = openssl({ fallback, cacheEntries: 1, onHandedOn: (call) => handedOn.push(call) })
    const keys = [await newKey(provider, "alice"), await newKey(provider, "bob")]
    for (let i = 0; i < 3; i++) {
      for (const { certificate } of keys) {
        await small.encrypt(utf8("x"), { recipients: [{ ...certificate, bytes: certificate.bytes.slice() }] })
      }
    }
    expect(handedOn).toEqual([])
  })

  it("a secret key that the fallback did not give away once is asked for again", async () => {
    const good = openpgpjs()
    const secrets = good.secrets as SecretTransfer
    let refusals = 1
    const fallback = {
      ...good,
      secrets: {
        ...secrets,
        export: async (...call: Parameters<SecretTransfer["export"]>) => {
          if (refusals-- > 0) throw new Error("locked")
          return secrets.export(...call)
        },
      },
    }
    const handedOn: string[] = []
    const provider = openssl({ fallback, onHandedOn: (call) => handedOn.push(call) })
    const alice = await newKey(provider, "alice")
    const options = { recipients: [alice.certificate], signWith: alice }
    for (let i = 0; i < 3; i++) await provider.signcrypt(utf8("x"), options)
    expect(handedOn).toEqual(["signcrypt"])
  })

  it("what the secret keys came in is wiped, and a disposed handle is refused everywhere", async () => {
    const { provider, exported } = counted()
    const alice = await newKey(provider, "alice")
    const options = { recipients: [alice.certificate], signWith: alice }
    const sealed = await provider.signcrypt(utf8("x"), options)
    expect(exported).toHaveLength(1)
    expect(exported[0]?.every((byte) => byte === 0)).toBe(true)
    await alice[Symbol.asyncDispose]()
    const refused = { code: "BACKEND" }
    await expect(provider.signcrypt(utf8("x"), options)).rejects.toMatchObject(refused)
    await expect(provider.open(sealed, { decryptWith: [alice], verifyWith: [] })).rejects.toMatchObject(refused)
    await expect(provider.secrets?.export(alice, { passphrase: "none" })).rejects.toMatchObject(refused)
  })
})
