import { bareJid, cryptoRandom, isAurochsError } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import type { ContentKind } from "@aurochs/xml"
import * as pgp from "openpgp"
import { beforeAll, describe, expect, it } from "vitest"
import { openContent, sealContent } from "../src/content.ts"
import { textBody } from "../src/index.ts"
import { contentText, forge, now, type Person } from "./support/forge.ts"
import { provider, type World, world } from "./support/world.ts"

// XEP-0373 for any stanza.

let people: World
let aliceKey: SecretKey
let bobKey: SecretKey
beforeAll(async () => {
  people = await world()
  aliceKey = await secretOf(people.alice)
  bobKey = await secretOf(people.bob)
})

async function secretOf(one: Person): Promise<SecretKey> {
  const [key] = await provider.importSecret(one.key.write())
  if (key === undefined) throw new Error("no key")
  return key
}

const common = (to: string[] = ["alice@ox.test"]) => ({
  to: to.map(bareJid),
  payload: [textBody("hello")],
  provider,
  now,
  random: cryptoRandom(),
})

const read = (bytes: Uint8Array) =>
  openContent(bytes, { provider, decryptWith: [aliceKey], verifyWith: [bobKey.certificate], now })

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
    return "none"
  } catch (error) {
    return isAurochsError(error) ? error.details : error
  }
}

const packetsOf = async (bytes: Uint8Array) =>
  [...(await pgp.readMessage({ binaryMessage: bytes })).packets].map((packet) => packet.constructor)

describe("round trips", () => {
  it("R3, R4, R12: signcrypt is encrypted and signed, and has padding", async () => {
    const recipients = [aliceKey.certificate, bobKey.certificate]
    const bytes = await sealContent("signcrypt", { ...common(), recipients, signWith: bobKey })
    const { content, opened } = await read(bytes)
    expect(opened).toMatchObject({ encrypted: true, signatures: [{ kind: "valid" }] })
    expect(content).toMatchObject({ kind: "signcrypt", to: ["alice@ox.test"], time: now, payload: [textBody("hello")] })
    expect(content.rpad).toMatch(/^.{16,200}$/)
  })

  it("R5: sign is signed and not encrypted", async () => {
    const bytes = await sealContent("sign", { ...common(), signWith: bobKey })
    const { content, opened } = await read(bytes)
    expect(content).toMatchObject({ kind: "sign", to: ["alice@ox.test"] })
    expect(opened).toMatchObject({ encrypted: false, signatures: [{ kind: "valid" }] })
    expect(await packetsOf(bytes)).not.toContain(pgp.PublicKeyEncryptedSessionKeyPacket)
  })

  it("R6, R10, R12: crypt is encrypted and not signed, and may name nobody", async () => {
    for (const to of [[], ["alice@ox.test"]]) {
      const bytes = await sealContent("crypt", { ...common(to), recipients: [aliceKey.certificate] })
      const { content, opened } = await read(bytes)
      expect(content).toMatchObject({ kind: "crypt", to })
      expect(content.rpad).toMatch(/^.{16,200}$/)
      expect(opened).toMatchObject({ encrypted: true, signatures: [] })
    }
  })
})

describe("refused when written", () => {
  it("R8: signcrypt and sign without <to/>", async () => {
    const bad = { what: "message" }
    const recipients = [aliceKey.certificate]
    expect(await codeOf(sealContent("signcrypt", { ...common([]), recipients, signWith: bobKey }))).toEqual(bad)
    expect(await codeOf(sealContent("sign", { ...common([]), signWith: bobKey }))).toEqual(bad)
  })

  it("R3: signcrypt to nobody, or without a key to sign with", async () => {
    const withoutRecipients = sealContent("signcrypt", { ...common(), recipients: [], signWith: bobKey })
    expect(await codeOf(withoutRecipients)).toEqual({ field: "recipients" })
    const options = { ...common(), recipients: [aliceKey.certificate] }
    // @ts-expect-error the type asks for it, too
    const unsigned = sealContent("signcrypt", options)
    expect(await codeOf(unsigned)).toEqual({ field: "signWith" })
  })
})

describe("refused when read", () => {
  const cases: [string, ContentKind, { encrypted: boolean; signed: boolean }][] = [
    ["R3: a signcrypt that is not signed", "signcrypt", { encrypted: true, signed: false }],
    ["R3: a signcrypt that is not encrypted", "signcrypt", { encrypted: false, signed: true }],
    ["R5: an encrypted sign", "sign", { encrypted: true, signed: true }],
    ["R6: a signed crypt", "crypt", { encrypted: true, signed: true }],
    ["R6: a crypt that is only signed", "crypt", { encrypted: false, signed: true }],
  ]
  it.each(cases)("%s", async (_, kind, { encrypted, signed }) => {
    const bytes = await forge({
      text: contentText({ kind }),
      for: encrypted ? [people.alice] : [],
      by: signed ? [people.bob] : [],
    })
    expect(await codeOf(read(bytes))).toEqual({ what: "message" })
  })

  it("R1: two content elements; text that is none", async () => {
    for (const text of [contentText().repeat(2), "hello"]) {
      const bytes = await forge({ text, for: [people.alice], by: [people.bob] })
      expect(await codeOf(read(bytes))).toEqual({ what: "xml" })
    }
  })

  it("what is for somebody else, and what exceeds a limit", async () => {
    const foreign = await forge({ text: contentText(), for: [people.carol], by: [people.bob] })
    expect(await codeOf(read(foreign))).toEqual({ because: "not-for-us" })
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    const options = { provider, decryptWith: [aliceKey], verifyWith: [], now }
    const bounded = openContent(bytes, { ...options, limits: { maxPlaintextBytes: 10 } })
    expect(await codeOf(bounded)).toMatchObject({ limit: "maxPlaintextBytes" })
  })
})
