import { element } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { beforeAll, describe, expect, it } from "vitest"
import { bodyXml, contentText, forge, openpgpOf, outerBody, stanzaOf } from "./support/forge.ts"
import { expectSecure, receive, receiveContent, rejected, type World, world } from "./support/world.ts"

let people: World
beforeAll(async () => {
  people = await world()
})

const receivePayload = async (children: string) =>
  expectSecure(await receiveContent(people, { payload: `<payload>${children}</payload>` }))

describe("what may be inside (XEP-0374 §2.2)", () => {
  it("I5: every extension element is handed on, in order", async () => {
    const received = await receivePayload(
      `<active xmlns='${namespaces.chatStates}'/><replace xmlns='urn:xmpp:message-correct:0' id='m0'/>${bodyXml("hello")}` +
        `<request xmlns='${namespaces.receipts}'/><thread xmlns='jabber:client'>t</thread>`,
    )
    expect(received.payload.map(({ name }) => name)).toEqual(["active", "replace", "body", "request", "thread"])
    expect(received.body).toBe("hello")
    expect(received.notes).toEqual([])
  })

  it("I6: the body is read in jabber:client and in jabber:server", async () => {
    for (const namespace of ["jabber:client", "jabber:server"]) {
      const received = await receivePayload(`<body xmlns='${namespace}'>hello</body>`)
      expect(received.body).toBe("hello")
      expect(received.payload).toEqual([element("body", namespaces.client, {}, ["hello"])])
    }
    const elsewhere = await receivePayload("<body xmlns='http://www.w3.org/1999/xhtml'>hello</body>")
    expect(elsewhere.body).toBeUndefined()
  })

  it("I5: a message may have no body", async () => {
    expect(await receivePayload("")).toMatchObject({ kind: "secure", body: undefined, payload: [] })
  })

  it("of several bodies the one without language counts, and it is said", async () => {
    const received = await receivePayload(
      `<body xmlns='jabber:client' xml:lang='de'>hallo</body>${bodyXml("hello")}${bodyXml("again")}`,
    )
    expect(received).toMatchObject({ body: "hello", notes: ["3 bodies"] })
    const german = await receivePayload("<body xmlns='jabber:client' xml:lang='de'>hallo</body>")
    expect(german).toMatchObject({ body: "hallo", notes: [] })
  })

  it("a body is text: elements inside are left out, and it is said", async () => {
    const received = await receivePayload(bodyXml("pay <b>1</b>0"))
    expect(received).toMatchObject({ body: "pay 0", notes: ["elements inside the body"] })
  })
})

describe("A9: names and namespaces", () => {
  it.each([
    ["<bodyguard xmlns='jabber:client'>hello</bodyguard>", "{jabber:client}bodyguard"],
    ["<Body xmlns='jabber:client'>hello</Body>", "{jabber:client}Body"],
  ])("A9: %s is no body", async (xml, name) => {
    const received = await receivePayload(xml)
    expect(received.body).toBeUndefined()
    expect(received.notes).toEqual([`dropped from the payload: ${name}`])
  })

  it("A9: a body without any namespace is no body", async () => {
    expect((await receivePayload("<body xmlns=''>hello</body>")).body).toBeUndefined()
  })

  it("A9: a prefix is as good as a default namespace, and binds as declared", async () => {
    expect((await receivePayload("<x:body xmlns:x='jabber:client'>hello</x:body>")).body).toBe("hello")
    expect((await receivePayload("<x:body xmlns:x='urn:other'>hello</x:body>")).body).toBeUndefined()
  })
})

describe("A11: server-only and envelope elements inside", () => {
  it.each([
    ["XEP-0334", "<store xmlns='urn:xmpp:hints'/>"],
    ["XEP-0359", "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='alice@ox.test'/>"],
    ["XEP-0359", "<origin-id xmlns='urn:xmpp:sid:0' id='1'/>"],
    ["XEP-0033", "<addresses xmlns='http://jabber.org/protocol/address'/>"],
    ["XEP-0380", "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:openpgp:0'/>"],
    ["XEP-0203", "<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/>"],
    ["XEP-0091", "<x xmlns='jabber:x:delay' stamp='20020910T23:08:25'/>"],
    ["XEP-0297", "<forwarded xmlns='urn:xmpp:forward:0'/>"],
    ["XEP-0280", "<received xmlns='urn:xmpp:carbons:2'/>"],
    ["XEP-0313", "<result xmlns='urn:xmpp:mam:2'/>"],
    ["XEP-0045", "<x xmlns='http://jabber.org/protocol/muc#user'/>"],
    ["XEP-0060", "<event xmlns='http://jabber.org/protocol/pubsub#event'/>"],
    ["XEP-0198", "<r xmlns='urn:xmpp:sm:3'/>"],
    ["RFC 6120", "<error xmlns='jabber:client' type='cancel'/>"],
    ["RFC 6120", "<message xmlns='jabber:client'/>"],
    ["RFC 6120", "<presence xmlns='jabber:server'/>"],
    ["RFC 6120", "<iq xmlns='jabber:client'/>"],
    ["XEP-0373", "<openpgp xmlns='urn:xmpp:openpgp:0'>AAAA</openpgp>"],
    ["XEP-0384", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>"],
  ])("A11: %s %s is dropped and named", async (_, xml) => {
    const received = await receivePayload(`${xml}${bodyXml("hello")}`)
    expect(received.payload.map(({ name }) => name)).toEqual(["body"])
    expect(received.notes).toHaveLength(1)
    expect(received.notes[0]).toMatch(/^dropped from the payload: \{[^}]+\}\w/)
  })

  it("A8: a content element inside a content element is rejected", async () => {
    for (const kind of ["signcrypt", "sign", "crypt"]) {
      const nested = contentText({ kind })
      expect(await receiveContent(people, { payload: `<payload>${nested}</payload>` })).toEqual(rejected("syntax"))
      expect(await receiveContent(people, { more: nested })).toEqual(rejected("syntax"))
    }
  })

  it("A8: two <openpgp/>", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    expect(await receive(people, stanzaOf([openpgpOf(bytes), openpgpOf(bytes)]))).toEqual(rejected("syntax"))
  })

  it("notes stay few and harmless, whatever a stranger names", async () => {
    const hostile = Array.from({ length: 100 }, (_, i) => `<e${i} xmlns='urn:xmpp:hints'/>`).join("")
    expect((await receivePayload(hostile)).notes.length).toBeLessThanOrEqual(16)
    const long = await receiveContent(people, { more: `<a${"b".repeat(5000)} xmlns='urn:&#10;&#x202e;evil'/>` })
    expect(long?.notes.join("").length).toBeLessThan(300)
    expect(long?.notes.join("")).toMatch(/^[\x20-\x7e]*$/)
  })
})

describe("A10: what stands outside of the encryption", () => {
  const outside = [
    outerBody,
    element("x", "jabber:x:oob", {}, [element("url", "jabber:x:oob", {}, ["https://evil.example"])]),
    element("replace", "urn:xmpp:message-correct:0", { id: "m0" }),
    element("reactions", "urn:xmpp:reactions:0", { id: "m0" }),
    element("subject", namespaces.client, {}, ["outer subject"]),
  ]

  it("A10: is never content, and is named", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    const received = expectSecure(await receive(people, stanzaOf([...outside, openpgpOf(bytes)])))
    expect(received.body).toBe("hello")
    expect(received.payload).toEqual([element("body", namespaces.client, {}, ["hello"])])
    expect(received.notes).toEqual([
      "ignored outside of the encryption: {jabber:x:oob}x",
      "ignored outside of the encryption: {urn:xmpp:message-correct:0}replace",
      "ignored outside of the encryption: {urn:xmpp:reactions:0}reactions",
      "ignored outside of the encryption: {jabber:client}subject",
    ])
  })

  it("A10: the fallback body is not shown when the message cannot be opened or verified", async () => {
    const foreign = await forge({ text: contentText(), for: [people.carol], by: [people.bob] })
    const mine = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    const outcomes = [
      await receive(people, stanzaOf([...outside, openpgpOf(foreign)])),
      await receive(people, stanzaOf([...outside, openpgpOf("AAAA")])),
      await receive(people, stanzaOf([...outside, openpgpOf(mine)]), { keysOf: [] }),
    ]
    expect(outcomes).toEqual([
      rejected("decrypt"),
      expect.objectContaining({ kind: "rejected" }),
      expect.objectContaining({ kind: "unverified", unverifiedBody: "hello" }),
    ])
    expect(JSON.stringify(outcomes)).not.toContain("outer fallback")
  })

  it("A10: a message without a body inside has none", async () => {
    const text = contentText({ payload: `<payload><active xmlns='${namespaces.chatStates}'/></payload>` })
    const bytes = await forge({ text, for: [people.alice], by: [people.bob] })
    const received = await receive(people, stanzaOf([outerBody, openpgpOf(bytes)]))
    expect(expectSecure(received).body).toBeUndefined()
  })
})
