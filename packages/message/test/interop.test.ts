import { beforeAll, describe, expect, it } from "vitest"
import { bodyXml, contentText, forge, knownKey, openpgpOf, outerBody, person, stanzaOf } from "./support/forge.ts"
import { expectSecure, receive, receiveContent, rejected, unverified, type World, world } from "./support/world.ts"

// What other clients send, and what we do with it.

let people: World
beforeAll(async () => {
  people = await world()
})

const wrapped = (base64: string) => `\n${base64.replace(/.{64}/g, "    $&\n")}\n  `

describe("accepted", () => {
  it.each([
    ["baseline", {}],
    ["emoji", { payload: `<payload>${bodyXml("hello")}<x xmlns='urn:e'>🐂</x></payload>` }],
    ["no rpad", { rpad: "" }],
    ["rpad last", { rpad: "", more: "<rpad>0123456789abcdef</rpad>" }],
    ["rpad first", { to: "<rpad>x</rpad><to jid='alice@ox.test'/>", rpad: "" }],
    [
      "several payload children",
      { payload: `<payload>${bodyXml("hello")}<active xmlns='http://jabber.org/protocol/chatstates'/></payload>` },
    ],
    [
      "payload in jabber:client, body without a namespace of its own",
      { payload: "<payload xmlns='jabber:client'><body>hello</body></payload>" },
    ],
    ["body without a namespace of its own", { payload: "<payload><body>hello</body></payload>" }],
    ["unknown extra child", { more: "<extra xmlns='urn:example:extra'/>" }],
    ["time with +0000", { time: "<time stamp='2026-11-23T12:00:00+0000'/>" }],
    ["time with +01:00", { time: "<time stamp='2026-11-23T13:00:00+01:00'/>" }],
    ["full JID in to (R9)", { to: "<to jid='alice@ox.test/phone'/>" }],
    ["upper case in to (R51)", { to: "<to jid='ALICE@OX.TEST'/>" }],
    ["two to, me second", { to: "<to jid='carol@ox.test'/><to jid='alice@ox.test'/>" }],
  ])("%s", async (_, parts) => {
    expect(expectSecure(await receiveContent(people, parts)).body).toBe("hello")
  })

  it("prefixed namespace", async () => {
    const text = `<ox:signcrypt xmlns:ox='urn:xmpp:openpgp:0' xmlns:c='jabber:client'><ox:to jid='alice@ox.test'/><ox:time stamp='2026-11-23T12:00:00Z'/><ox:payload><c:body>hello</c:body></ox:payload></ox:signcrypt>`
    expect(expectSecure(await receiveContent(people, text)).body).toBe("hello")
  })

  it("XML prolog before the content element", async () => {
    const text = `<?xml version='1.0' encoding='UTF-8'?>\n${contentText()}`
    expect(expectSecure(await receiveContent(people, text)).body).toBe("hello")
  })

  it.each([
    ["zlib", { preferredCompressionAlgorithm: 2 }],
    ["zip", { preferredCompressionAlgorithm: 1 }],
  ])("%s", async (_, config) => {
    expect(expectSecure(await receiveContent(people, {}, { config })).body).toBe("hello")
  })

  it("hidden recipient", async () => {
    expect(expectSecure(await receiveContent(people, {}, { hidden: true })).body).toBe("hello")
  })

  it("base64 wrapped with indent, base64 of armored text", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    const base64 = btoa(String.fromCharCode(...bytes))
    expectSecure(await receive(people, stanzaOf([openpgpOf(wrapped(base64))])))
    const armored = `-----BEGIN PGP MESSAGE-----\n\n${base64.replace(/.{64}/g, "$&\n")}\n-----END PGP MESSAGE-----\n`
    expectSecure(await receive(people, stanzaOf([openpgpOf(btoa(armored))])))
  })

  it("outer body missing, type missing", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    expectSecure(await receive(people, stanzaOf([openpgpOf(bytes)], { type: undefined })))
    expectSecure(await receive(people, stanzaOf([outerBody, openpgpOf(bytes)], { type: "normal" })))
  })

  it("RSA primary key that signs and encrypts; a signature by a subkey, mapped to its primary key", async () => {
    const rsa = await person("bob", { type: "rsa", rsaBits: 2048, subkeys: [] })
    expectSecure(await receiveContent({ ...people, bob: rsa }, {}, {}, { keysOf: [knownKey(rsa, rsa)] }))
    const split = await person("bob", { subkeys: [{ sign: true }, {}] })
    const received = await receiveContent({ ...people, bob: split }, {}, {}, { keysOf: [knownKey(split, split)] })
    expect(expectSecure(received).signedBy).toBe(split.key.getFingerprint().toUpperCase())
  })

  it("an unknown extra child is named", async () => {
    const received = await receiveContent(people, { more: "<extra xmlns='urn:example:extra'/>" })
    expect(received?.notes).toEqual(["unknown beside the payload: {urn:example:extra}extra"])
  })
})

describe("not accepted", () => {
  it.each([
    ["time missing", { time: "" }, "syntax"],
    ["time garbage", { time: "<time stamp='yesterday'/>" }, "syntax"],
    ["time in 2012, live", { time: "<time stamp='2012-01-01T00:00:00Z'/>" }, "time"],
    ["to another JID", { to: "<to jid='carol@ox.test'/>" }, "recipient"],
    ["to none", { to: "" }, "syntax"],
    ["two rpad", { more: "<rpad>again</rpad>" }, "syntax"],
  ])("%s", async (_, parts, check) => {
    expect(await receiveContent(people, parts)).toEqual(rejected(check))
  })

  it("unsigned signcrypt", async () => {
    expect(await receiveContent(people, {}, { by: [] })).toEqual(rejected("signature"))
  })

  it("signed by another contact, by an unknown key", async () => {
    const { bob, carol } = people
    const keysOf = [knownKey(bob, bob), knownKey(carol, carol)]
    expect(await receiveContent(people, {}, { by: [carol] }, { keysOf })).toEqual(rejected("signer"))
    expect(await receiveContent(people, {}, { by: [carol] })).toEqual(unverified("unknown-key"))
  })

  it("two signatures, one not the sender's", async () => {
    const { bob, carol } = people
    expect(await receiveContent(people, {}, { by: [bob, carol] })).toEqual(rejected("signature"))
    expect(await receiveContent(people, {}, { by: [carol, bob] })).toEqual(rejected("signature"))
  })

  it("<crypt/>, <sign/> only", async () => {
    const crypt = await receiveContent(people, { kind: "crypt", to: "" }, { by: [] })
    expect(crypt).toEqual(rejected("signature"))
    expect(await receiveContent(people, { kind: "sign" }, { for: [] })).toEqual(rejected("unsupported"))
  })
})
