import { bareJid, type Delivery, element, type XmlElement } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { beforeAll, describe, expect, it } from "vitest"
import { carriesMessage, openpgpBytesOf, peerOf } from "../src/index.ts"
import { contentText, forge, openpgpOf, outerBody, stanzaOf } from "./support/forge.ts"
import { receive, rejected, type World, world } from "./support/world.ts"

let people: World
beforeAll(async () => {
  people = await world()
})

const account = bareJid("alice@ox.test")
const eme = (namespace: string): XmlElement => element("encryption", namespaces.eme, { namespace })
const omemo = "eu.siacs.conversations.axolotl"

describe("nothing to read", () => {
  it.each([
    ["no openpgp, no EME, no body", stanzaOf([])],
    ["an empty body", stanzaOf([element("body", namespaces.client)])],
    ["a chat state", stanzaOf([element("active", namespaces.chatStates)])],
    ["a bounced message", stanzaOf([outerBody, openpgpOf("AAAA")], { type: "error" })],
    ["a body in another namespace", stanzaOf([element("body", "urn:other", {}, ["x"])])],
    ["no message", element("presence", namespaces.client, { from: "bob@ox.test" }, [outerBody])],
  ])("%s", async (_, stanza) => {
    expect(carriesMessage(stanza)).toBe("nothing")
    expect(await receive(people, stanza)).toBeUndefined()
  })

  it("A12: a sent carbon of somebody else's message", async () => {
    const stanza = stanzaOf([outerBody], { from: "mallory@ox.test/x", to: "bob@ox.test" })
    expect(await receive(people, stanza, { via: "carbon-sent" })).toBeUndefined()
  })
})

describe("plaintext", () => {
  it("is what has a body and no sign of encryption", async () => {
    const stanza = stanzaOf([outerBody])
    expect(carriesMessage(stanza)).toBe("message")
    expect(await receive(people, stanza)).toMatchObject({
      kind: "plaintext",
      body: "outer fallback",
      peer: "bob@ox.test",
      direction: "in",
      stanzaId: "m1",
      via: "live",
    })
  })

  it("prefers the body without language", async () => {
    const german = element("body", namespaces.client, { "xml:lang": "de" }, ["hallo"])
    const received = await receive(people, stanzaOf([german, outerBody]))
    expect(received).toMatchObject({ kind: "plaintext", body: "outer fallback", notes: ["2 bodies"] })
  })
})

describe("other encryption", () => {
  it.each([
    ["OMEMO with its fallback body", [outerBody, element("encrypted", omemo), eme(omemo)]],
    ["OMEMO without EME", [outerBody, element("encrypted", omemo)]],
    ["OMEMO without body", [element("encrypted", "urn:xmpp:omemo:2")]],
    ["EME alone", [outerBody, eme("urn:xmpp:otr:0")]],
    ["EME without namespace", [outerBody, element("encryption", namespaces.eme)]],
    ["XEP-0027", [outerBody, element("x", "jabber:x:encrypted", {}, ["AAAA"])]],
  ])("%s is rejected: unsupported", async (_, children) => {
    expect(carriesMessage(stanzaOf(children))).toBe("message")
    expect(await receive(people, stanzaOf(children))).toEqual(rejected("unsupported"))
  })

  it("a group chat is rejected: unsupported", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    for (const child of [openpgpOf(bytes), outerBody]) {
      expect(await receive(people, stanzaOf([child], { type: "groupchat" }))).toEqual(rejected("unsupported"))
    }
  })

  it("I14: EME that names OX, but no <openpgp/>, is rejected: syntax", async () => {
    expect(await receive(people, stanzaOf([outerBody, eme(namespaces.openpgp)]))).toEqual(rejected("syntax"))
  })

  it("an <openpgp/> counts, whatever EME says", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    for (const named of [namespaces.openpgp, omemo]) {
      expect(await receive(people, stanzaOf([eme(named), openpgpOf(bytes)]))).toMatchObject({ kind: "secure" })
    }
  })
})

describe("peerOf", () => {
  const delivery = (via: Delivery["via"], from: string | undefined, to: string | undefined): Delivery => ({
    stanza: stanzaOf([], { from, to }),
    via,
    kept: () => undefined,
  })
  const bob = bareJid("bob@ox.test")

  it.each([
    ["live", "bob@ox.test/x", "alice@ox.test"],
    ["carbon-received", "bob@ox.test/x", "alice@ox.test/y"],
    ["mam", "Bob@OX.test/x", "alice@ox.test"],
  ] as const)("%s: the sender is the peer", (via, from, to) => {
    expect(peerOf(delivery(via, from, to), account)).toEqual({ peer: bob, direction: "in", sender: bob })
  })

  it.each(["carbon-sent", "mam"] as const)("%s of ours: the recipient is the peer, we are the sender", (via) => {
    const parties = peerOf(delivery(via, "alice@ox.test/x", "bob@ox.test/y"), account)
    expect(parties).toEqual({ peer: bob, direction: "out", sender: account })
  })

  it("a note to oneself comes in", () => {
    const self = { peer: account, direction: "in", sender: account }
    expect(peerOf(delivery("live", undefined, undefined), account)).toEqual(self)
    expect(peerOf(delivery("mam", "alice@ox.test/x", "alice@ox.test"), account)).toEqual(self)
  })

  it("a server or a malformed address is nobody to talk to", () => {
    expect(peerOf(delivery("live", "ox.test", "alice@ox.test"), account)).toBeUndefined()
    expect(peerOf(delivery("live", "a@b@c", "alice@ox.test"), account)).toBeUndefined()
    expect(peerOf(delivery("carbon-sent", "alice@ox.test", undefined), account)).toBeUndefined()
    expect(peerOf(delivery("carbon-sent", "alice@ox.test", "ox.test"), account)).toBeUndefined()
  })
})

describe("openpgpBytesOf", () => {
  it("gives the bytes, and never throws", () => {
    expect(openpgpBytesOf(stanzaOf([openpgpOf(new Uint8Array([0xc1, 2, 3]))]))).toEqual(new Uint8Array([0xc1, 2, 3]))
    for (const children of [[], [openpgpOf("AAAA"), openpgpOf("AAAA")], [openpgpOf("?")], [openpgpOf("")]]) {
      expect(openpgpBytesOf(stanzaOf(children))).toBeUndefined()
    }
    expect(openpgpBytesOf(stanzaOf([openpgpOf("AAAA".repeat(400_000))]))).toBeUndefined()
  })
})

describe("limits", () => {
  it("A16: a message above the limit is rejected before it is decoded", async () => {
    const limits = { maxMessageBytes: 300 }
    for (const length of [400, 1000]) {
      const received = await receive(people, stanzaOf([openpgpOf("A".repeat(length * 4))]), { limits })
      expect(received).toMatchObject({ kind: "rejected", check: "limit", error: { code: "BAD_DATA" } })
    }
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    expect(await receive(people, stanzaOf([openpgpOf(bytes)]), { limits })).toEqual(rejected("limit"))
  })
})
