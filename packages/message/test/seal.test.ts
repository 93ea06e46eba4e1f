import {
  AurochsError,
  bareJid,
  type Certificate,
  childElement,
  childElements,
  cryptoRandom,
  element,
  isAurochsError,
  type Random,
  textOf,
  type XmlElement,
} from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { namespaces, parseXml, serializeXml } from "@aurochs/xml"
import * as pgp from "openpgp"
import { beforeAll, describe, expect, it } from "vitest"
import * as api from "../src/index.ts"
import { openpgpBytesOf, type SealOptions, seal, textBody } from "../src/index.ts"
import { now, type Person, person } from "./support/forge.ts"
import { expectSecure, provider, receive, type World, world } from "./support/world.ts"

let people: World
let bobKey: SecretKey
beforeAll(async () => {
  people = await world()
  bobKey = (await provider.importSecret(people.bob.key.write()))[0] as SecretKey
})

const certificateOf = ({ key, certificate }: Person): Certificate => ({
  fingerprint: key.getFingerprint().toUpperCase(),
  bytes: certificate,
})

const toAlice = (over: Partial<SealOptions> = {}): SealOptions => ({
  from: people.bob.jid,
  to: people.alice.jid,
  toKeys: [certificateOf(people.alice)],
  signWith: bobKey,
  provider,
  now,
  random: cryptoRandom(),
  ...over,
})

/** The content element inside, as text. */
async function contentOf(stanza: XmlElement, reader: Person = people.alice): Promise<string> {
  const message = await pgp.readMessage({ binaryMessage: bytesOf(stanza) })
  const { data } = await pgp.decrypt({ message, decryptionKeys: reader.key, format: "utf8" })
  return data as string
}

function bytesOf(stanza: XmlElement): Uint8Array {
  const bytes = openpgpBytesOf(stanza)
  if (bytes === undefined) throw new Error("no OpenPGP message")
  return bytes
}

async function recipientsOf(stanza: XmlElement): Promise<string[]> {
  const message = await pgp.readMessage({ binaryMessage: bytesOf(stanza) })
  return message.getEncryptionKeyIDs().map((id) => id.toHex())
}

const encryptionIdOf = async ({ key }: Person): Promise<string> => (await key.getEncryptionKey()).getKeyID().toHex()

async function failure(work: Promise<unknown>): Promise<AurochsError> {
  try {
    await work
  } catch (error) {
    if (isAurochsError(error)) return error
    throw error
  }
  throw new Error("it did not fail")
}

describe("the stanza", () => {
  it("I4, I12, I13, I14: is a chat message with explaining body, store hint, EME and <openpgp/>", async () => {
    const stanza = await seal([textBody("secret")], toAlice({ id: "abc" }))
    expect(stanza.attributes).toEqual({ type: "chat", id: "abc", to: "alice@ox.test", from: "bob@ox.test" })
    expect(stanza.children.map((child) => (typeof child === "string" ? child : [child.name, child.namespace]))).toEqual(
      [
        ["body", namespaces.client],
        ["store", namespaces.hints],
        ["encryption", namespaces.eme],
        ["openpgp", namespaces.openpgp],
      ],
    )
    expect(childElement(stanza, "encryption", namespaces.eme)?.attributes).toEqual({ namespace: "urn:xmpp:openpgp:0" })
    expect(textOf(childElement(stanza, "body", namespaces.client) ?? stanza)).toMatch(/encrypted/)
    expect(serializeXml(stanza)).not.toContain("secret")
    expect((await contentOf(stanza)).startsWith("<signcrypt xmlns='urn:xmpp:openpgp:0'>")).toBe(true)
  })

  it("R1, R2: carries binary OpenPGP in Base64 on one line", async () => {
    const stanza = await seal([textBody("x")], toAlice())
    const text = textOf(childElement(stanza, "openpgp", namespaces.openpgp) ?? stanza)
    expect(text).toMatch(/^[A-Za-z0-9+/]+={0,2}$/)
    // A packet tag (RFC 9580 §4.2), not the dash that armor begins with.
    expect((bytesOf(stanza)[0] ?? 0) & 0x80).toBe(0x80)
  })

  it("gets a new id of 128 random bits", async () => {
    const ids = await Promise.all([seal([], toAlice()), seal([], toAlice())])
    expect(ids[0]?.attributes.id).toMatch(/^[0-9a-f]{32}$/)
    expect(ids[0]?.attributes.id).not.toBe(ids[1]?.attributes.id)
  })
})

describe("the content element", () => {
  it("R7, R8, R9, R13: holds to, time, rpad, payload in this order, and nothing else", async () => {
    const content = parseXml(await contentOf(await seal([textBody("x")], toAlice())))
    expect(content.attributes).toEqual({})
    expect(childElements(content).map(({ name }) => name)).toEqual(["to", "time", "rpad", "payload"])
    expect(childElement(content, "to", namespaces.openpgp)?.attributes).toEqual({ jid: "alice@ox.test" })
  })

  it("R11: names the time in Z", async () => {
    const content = await contentOf(await seal([textBody("x")], toAlice()))
    expect(content).toContain("<time stamp='2026-11-23T12:00:00Z'/>")
  })

  it("R12: has padding of random length, 16 to 200, and random content, from the given source", async () => {
    const drawn: number[] = []
    const spy: Random = {
      bytes: (length) => {
        drawn.push(length)
        return cryptoRandom().bytes(length)
      },
    }
    const pads: string[] = []
    for (let i = 0; i < 60; i++) {
      const content = parseXml(await contentOf(await seal([textBody("x")], toAlice({ random: spy }))))
      pads.push(textOf(childElement(content, "rpad", namespaces.openpgp) ?? content))
    }
    const lengths = pads.map((pad) => pad.length)
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(16)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(200)
    expect(new Set(lengths).size).toBeGreaterThan(30)
    expect(new Set(pads).size).toBe(60)
    for (const length of lengths) expect(drawn).toContain(length)
    for (const pad of pads) expect(pad).toMatch(/^[A-Za-z0-9_-]+$/)
  })
})

describe("whom it is encrypted to", () => {
  it("R4, I7, I8, R52: all keys of the recipient, oneself, one's other keys, each once", async () => {
    const [second, other] = await Promise.all([person("alice"), person("bob")])
    const toKeys = [people.alice, second, people.alice].map(certificateOf)
    const alsoTo = [certificateOf(other), certificateOf(people.bob)]
    const ids = await recipientsOf(await seal([textBody("x")], toAlice({ toKeys, alsoTo })))
    const expected = await Promise.all([people.alice, second, people.bob, other].map(encryptionIdOf))
    expect([...ids].sort()).toEqual(expected.sort())
  })

  it("R4: the sender can read it", async () => {
    expect(await contentOf(await seal([textBody("for us too")], toAlice()), people.bob)).toContain("for us too")
  })

  it("I8: no usable key is an error, never plaintext", async () => {
    const error = await failure(seal([textBody("x")], toAlice({ toKeys: [] })))
    expect(error).toMatchObject({ code: "NO_USABLE_KEY", details: { owner: people.alice.jid, leftOut: [] } })
    const { publicKey } = await pgp.revokeKey({ key: people.carol.key, format: "object" })
    const revoked = { ...certificateOf(people.carol), bytes: publicKey.write() }
    const mixed = await failure(seal([textBody("x")], toAlice({ toKeys: [certificateOf(people.alice), revoked] })))
    expect(mixed).toMatchObject({ code: "NO_USABLE_KEY" })
  })
})

describe("R3, I11: signed and encrypted, always", () => {
  it("is signed once and opens as secure", async () => {
    const received = expectSecure(await receive(people, await seal([textBody("hello")], toAlice())))
    expect(received).toMatchObject({ body: "hello", signedBy: certificateOf(people.bob).fingerprint, writtenAt: now })
  })

  it("I11: offers no choice between sign, crypt and signcrypt", async () => {
    expect(Object.keys(api).filter((name) => /crypt|sign/i.test(name))).toEqual([])
    const tempting = { ...toAlice(), kind: "crypt", sign: false, encrypt: false, mode: "sign" }
    expect((await contentOf(await seal([textBody("x")], tempting))).startsWith("<signcrypt ")).toBe(true)
  })
})

describe("what is refused", () => {
  const counting = (): { calls: number; provider: CryptoProvider } => {
    const counter = {
      calls: 0,
      provider: {
        ...provider,
        signcrypt: (...call: Parameters<CryptoProvider["signcrypt"]>) => {
          counter.calls++
          return provider.signcrypt(...call)
        },
      },
    }
    return counter
  }

  it("a stanza above 200 KiB, before any cryptography where that is certain", async () => {
    const limit = { code: "BAD_DATA", details: { what: "message", limit: "maxStanzaBytes" } }
    const early = counting()
    const huge = [textBody("x".repeat(160_000))]
    expect(await failure(seal(huge, toAlice({ provider: early.provider })))).toMatchObject(limit)
    expect(early.calls).toBe(0)
    const late = counting()
    const close = [textBody("x".repeat(152_900))]
    expect(await failure(seal(close, toAlice({ provider: late.provider })))).toMatchObject(limit)
    expect(late.calls).toBe(1)
    const fits = await seal([textBody("x".repeat(140_000))], toAlice())
    expect(new TextEncoder().encode(serializeXml(fits)).length).toBeLessThan(204_800)
    expect(await failure(seal([textBody("x")], toAlice({ maxStanzaBytes: 1000 })))).toMatchObject(limit)
  })

  it("the bound is that of the bytes as they are written, for any address and id", async () => {
    const from = bareJid("b\u00f6b@ox.test")
    const odd = { from, to: "a'&<>b@ox.test", id: "<\u{1f402}>" }
    for (const over of [{}, { id: "m1" }, { id: "'\"&<>" }, { from }, odd]) {
      const random = { bytes: (length: number) => new Uint8Array(length) }
      // Signatures are a byte shorter now and then: the same one each time.
      const sealed = await provider.signcrypt(new TextEncoder().encode("x"), {
        ...toAlice(),
        recipients: toAlice().toKeys,
      })
      const same = { ...over, random, provider: { ...provider, signcrypt: async () => sealed } }
      const stanza = await seal([textBody("x")], toAlice(same))
      const maxStanzaBytes = new TextEncoder().encode(serializeXml(stanza)).length
      expect(await seal([textBody("x")], toAlice({ ...same, maxStanzaBytes }))).toMatchObject({})
      const short = toAlice({ ...same, maxStanzaBytes: maxStanzaBytes - 1 })
      expect(await failure(seal([textBody("x")], short))).toMatchObject({ details: { limit: "maxStanzaBytes" } })
    }
    for (const id of ["\u0000", "\ud800", "\uffff"]) {
      expect(await failure(seal([textBody("x")], toAlice({ id })))).toMatchObject({ details: { what: "xml" } })
    }
  })

  it("A11: elements that receivers drop", async () => {
    for (const child of [
      element("store", namespaces.hints),
      element("stanza-id", namespaces.stanzaId),
      element("openpgp", namespaces.openpgp),
      element("error", namespaces.client),
    ]) {
      const error = await failure(seal([textBody("x"), child], toAlice()))
      expect(error).toMatchObject({ code: "BAD_DATA", details: { what: "payload" } })
    }
  })

  it("characters that XML cannot carry, without quoting them", async () => {
    const error = await failure(seal([textBody("secret\u0000")], toAlice()))
    expect(error).toMatchObject({ code: "BAD_DATA", details: { what: "xml" } })
    expect(error.message).not.toContain("secret")
  })

  it("an aborted call", async () => {
    const signal = AbortSignal.abort()
    expect(await failure(seal([textBody("x")], toAlice({ signal })))).toMatchObject({ code: "ABORTED" })
  })

  it("an engine's failure is passed on", async () => {
    const broken: CryptoProvider = {
      ...provider,
      signcrypt: () => Promise.reject(new AurochsError("BACKEND", "gone", { backend: "broken" })),
    }
    const error = await failure(seal([textBody("x")], toAlice({ provider: broken, to: bareJid("alice@ox.test") })))
    expect(error).toMatchObject({ code: "BACKEND" })
  })
})
