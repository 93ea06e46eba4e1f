import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { engines, leftOut, onlyKey, type TestEngine } from "../rig/engines.ts"

const TEXT = new TextEncoder().encode(
  "<signcrypt xmlns='urn:xmpp:openpgp:0'>from one engine to another: é 🐂</signcrypt>",
)
const names = Object.keys(engines)

const opened = new Map<string, TestEngine>()
const missing = new Map<string, string>()
const secrets: Record<"alice" | "bob", Uint8Array> = { alice: new Uint8Array(), bob: new Uint8Array() }

beforeAll(async () => {
  for (const [name, make] of Object.entries(engines)) {
    const made = await make()
    if (made.missing === undefined) opened.set(name, made)
    else missing.set(name, made.missing)
  }
  for (const who of ["alice", "bob"] as const) {
    const maker = openpgpjs()
    const { key } = await maker.generate({ userId: `xmpp:${who}@ox.test` })
    secrets[who] = (await maker.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
  }
}, 300_000)
afterAll(async () => {
  for (const engine of opened.values()) await engine[Symbol.asyncDispose]()
})

describe("sealed by one engine, opened by another", () => {
  it.for(names.flatMap((sealer) => names.map((opener) => ({ sealer, opener }))))(
    "sealed by $sealer, opened by $opener",
    { timeout: 60_000 },
    async ({ sealer, opener }, { skip }) => {
      const [from, to] = [opened.get(sealer), opened.get(opener)]
      if (from === undefined || to === undefined) return skip(missing.get(sealer) ?? missing.get(opener) ?? "")
      const alice = await onlyKey(from.provider, secrets.alice)
      const bob = await onlyKey(to.provider, secrets.bob)
      const sealed = await from.provider.signcrypt(TEXT, {
        recipients: [bob.certificate, alice.certificate],
        signWith: alice,
      })
      const { plaintext, encrypted, signatures } = await to.provider.open(sealed, {
        decryptWith: [bob],
        verifyWith: [alice.certificate],
      })
      expect(new TextDecoder().decode(plaintext)).toBe(new TextDecoder().decode(TEXT))
      expect(encrypted).toBe(true)
      expect(signatures).toMatchObject([{ kind: "valid", certificate: alice.certificate.fingerprint }])
      for (const key of [alice, bob]) await key[Symbol.asyncDispose]()
    },
  )

  it.for(Object.entries(leftOut))("%s takes part", ([, reason], { skip }) => skip(reason))
})

describe("keys move between engines by export and import", () => {
  const passphrase = new TextEncoder().encode("on the way")
  const made = new Map<string, Promise<Uint8Array | undefined>>()

  /** A key that an engine made, protected on its way; once for each engine. */
  function madeBy(name: string, { provider }: TestEngine): Promise<Uint8Array | undefined> {
    const exported = async () => {
      const { key } = await provider.generate({ userId: "xmpp:mover@ox.test" })
      return provider.secrets?.export(key, { passphrase })
    }
    const secret = made.get(name) ?? exported()
    made.set(name, secret)
    return secret
  }

  it.for(names.flatMap((maker) => names.filter((taker) => taker !== maker).map((taker) => ({ maker, taker }))))(
    "made by $maker, used by $taker",
    { timeout: 60_000 },
    async ({ maker, taker }, { skip }) => {
      const [from, to] = [opened.get(maker), opened.get(taker)]
      if (from === undefined || to === undefined) return skip(missing.get(maker) ?? missing.get(taker) ?? "")
      const secret = await madeBy(maker, from)
      if (secret === undefined) throw new Error(`${maker} exports no keys`)
      await expect(to.provider.importSecret(secret)).rejects.toMatchObject({ code: "KEY_LOCKED" })
      const [key] = await to.provider.importSecret(secret, { passphrase })
      if (key === undefined) throw new Error("no key")
      // Another engine says whether it is the same key, and whether it does what it should.
      const judge = openpgpjs()
      const [own] = await judge.importSecret(secret, { passphrase })
      expect(key.certificate.fingerprint).toBe(own?.certificate.fingerprint)
      const sealed = await judge.encrypt(TEXT, { recipients: [key.certificate] })
      expect((await to.provider.open(sealed, { decryptWith: [key], verifyWith: [] })).plaintext).toEqual(TEXT)
      const signed = await to.provider.sign(TEXT, { signWith: key })
      const { signatures } = await judge.open(signed, { decryptWith: [], verifyWith: [key.certificate] })
      expect(signatures).toMatchObject([{ kind: "valid", certificate: key.certificate.fingerprint }])
      await key[Symbol.asyncDispose]()
    },
  )
})
