import { element } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import {
  carbons,
  dataForm,
  delay,
  discoInfo,
  encryptionHint,
  iq,
  mam,
  parseXml,
  pubsub,
  readStanzaError,
  rsm,
  serializeXml,
  stanzaIdOf,
  storeHint,
} from "../src/index.ts"
import { expectRefused } from "./refused.ts"

const client = (inner: string, attributes = "") =>
  parseXml(`<message xmlns='jabber:client' ${attributes}>${inner}</message>`)
const MESSAGE = "<message xmlns='jabber:client'><body>x</body></message>"
const forwarded = (inner: string) => `<forwarded xmlns='urn:xmpp:forward:0'>${inner}</forwarded>`

describe("stanzas", () => {
  test("an iq", () => {
    expect(serializeXml(iq({ type: "get", id: "1", to: "a@b" }, element("ping", "urn:xmpp:ping")))).toBe(
      "<iq xmlns='jabber:client' type='get' id='1' to='a@b'><ping xmlns='urn:xmpp:ping'/></iq>",
    )
    expect(iq({ type: "result" }).children).toEqual([])
  })

  test("R33, R50: an error is read whatever it lacks", () => {
    const error = (inner: string, type = "error") =>
      readStanzaError(parseXml(`<iq xmlns='jabber:client' type='${type}'>${inner}</iq>`))
    const conditions = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
    expect(error(`<error type='cancel'><service-unavailable ${conditions}/></error>`)).toEqual({
      condition: "service-unavailable",
      type: "cancel",
    })
    expect(error(`<error type='modify'><text ${conditions}>t</text><policy-violation ${conditions}/></error>`)).toEqual(
      {
        condition: "policy-violation",
        type: "modify",
        text: "t",
      },
    )
    expect(error("")).toEqual({ condition: "undefined-condition", type: "cancel" })
    expect(error("<error type='odd'><x/></error>")).toEqual({
      condition: "undefined-condition",
      type: "cancel",
      application: "x",
    })
    expect(error(`<error type='cancel'><conflict ${conditions}/></error>`, "result")).toBeUndefined()
  })

  test("the archive's id counts only from one's own account, and only if there is one", () => {
    const own = "<stanza-id xmlns='urn:xmpp:sid:0' by='Me@example.org' id='1'/>"
    const other = "<stanza-id xmlns='urn:xmpp:sid:0' by='evil@example.org' id='2'/>"
    expect(stanzaIdOf(client(other + own), "me@example.org")).toBe("1")
    expect(stanzaIdOf(client(other), "me@example.org")).toBeUndefined()
    expect(stanzaIdOf(client(own + own.replace("'1'", "'3'")), "me@example.org")).toBeUndefined()
    expect(stanzaIdOf(client(own.replace("id='1'", "")), "me@example.org")).toBeUndefined()
    expect(stanzaIdOf(client(`<x>${own}</x>`), "me@example.org")).toBeUndefined()
    expect(stanzaIdOf(client(own.replace("by='Me@example.org'", "")), "me@example.org")).toBeUndefined()
  })

  test("I13, I14: store hint and EME", () => {
    expect(serializeXml(storeHint())).toBe("<store xmlns='urn:xmpp:hints'/>")
    expect(serializeXml(encryptionHint.write({ namespace: "urn:xmpp:openpgp:0" }))).toBe(
      "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:openpgp:0'/>",
    )
    expectRefused(() => encryptionHint.read(parseXml("<encryption xmlns='urn:xmpp:eme:0'/>")))
    expectRefused(() => encryptionHint.read(parseXml("<encryption namespace='x'/>")))
  })

  test("a delay needs a time", () => {
    expectRefused(() => delay.read(parseXml("<delay xmlns='urn:xmpp:delay'/>")))
    expectRefused(() => delay.read(parseXml("<delay xmlns='urn:xmpp:delay' stamp='20020910T23:08:25'/>")))
  })
})

describe("carbons and archive", () => {
  test("A12: a message is one copy or none", () => {
    const copy = (name: string, inner: string) => `<${name} xmlns='urn:xmpp:carbons:2'>${inner}</${name}>`
    expect(serializeXml(carbons.enable())).toBe("<enable xmlns='urn:xmpp:carbons:2'/>")
    expect(carbons.read(client("<body>x</body>"))).toBeUndefined()
    expect(carbons.read(client("<private xmlns='urn:xmpp:carbons:2'/>"))).toBeUndefined()
    expect(
      carbons.read(client(`<received xmlns='urn:xmpp:carbons:1'>${forwarded(MESSAGE)}</received>`)),
    ).toBeUndefined()
    for (const bad of [
      copy("received", ""),
      copy("received", MESSAGE),
      copy("received", forwarded("")),
      copy("received", forwarded(MESSAGE + MESSAGE)),
      copy("received", forwarded(MESSAGE) + forwarded(MESSAGE)),
      copy("received", forwarded("<message xmlns='urn:x'/>")),
      copy("received", forwarded("<iq xmlns='jabber:client'/>")),
      copy("received", forwarded(`<delay xmlns='urn:xmpp:delay' stamp='x'/>${MESSAGE}`)),
      copy("sent", forwarded(MESSAGE)) + copy("received", forwarded(MESSAGE)),
      copy("sent", forwarded(MESSAGE)) + copy("sent", forwarded(MESSAGE)),
    ])
      expectRefused(() => carbons.read(client(bad)))
  })

  test("A13: a message is one archived message or none", () => {
    const result = (inner: string, attributes = "id='1' queryid='q'") =>
      `<result xmlns='urn:xmpp:mam:2' ${attributes}>${inner}</result>`
    expect(mam.readResult(client("<body>x</body>"))).toBeUndefined()
    expect(mam.readResult(client(result(forwarded(MESSAGE))))).toMatchObject({ id: "1", queryId: "q" })
    expect(mam.readResult(client(result(forwarded(MESSAGE), "id='1'")))?.queryId).toBeUndefined()
    for (const bad of [
      result(""),
      result(forwarded(MESSAGE), "queryid='q'"),
      result(forwarded(MESSAGE), "id='' queryid='q'"),
      result(forwarded(MESSAGE)) + result(forwarded(MESSAGE)),
    ])
      expectRefused(() => mam.readResult(client(bad)))
  })

  test("the end of a page", () => {
    const fin = (text: string) => mam.readFin(parseXml(`<iq xmlns='jabber:client' type='result'>${text}</iq>`))
    expect(fin("<fin xmlns='urn:xmpp:mam:2'/>")).toEqual({ complete: false, rsm: {} })
    expect(fin("<fin xmlns='urn:xmpp:mam:2' complete='1'/>").complete).toBe(true)
    expect(fin("<fin xmlns='urn:xmpp:mam:2' complete='yes'/>").complete).toBe(false)
    expectRefused(() => fin(""))
    expectRefused(() => fin("<fin xmlns='urn:xmpp:mam:1'/>"))
  })

  test("numbers of a result set that are none are left out", () => {
    const set =
      "<set xmlns='http://jabber.org/protocol/rsm'><max>-1</max><count>1e9</count><first index='0x1'>a</first></set>"
    expect(rsm.read(parseXml(set))).toEqual({ first: "a" })
  })
})

describe("forms, disco, pubsub", () => {
  const X = "xmlns='jabber:x:data'"

  test("a form without type, or with a field twice, is refused; in disco it is left out", () => {
    const twice = `<x ${X} type='result'><field var='a'/><field var='a'/></x>`
    expectRefused(() => dataForm.read(parseXml(twice)))
    expectRefused(() => dataForm.read(parseXml(`<x ${X}/>`)))
    expectRefused(() => dataForm.read(parseXml("<x type='submit'/>")))
    const info = discoInfo.read(
      parseXml(`<query xmlns='http://jabber.org/protocol/disco#info'><feature/><feature var='f'/>${twice}</query>`),
    )
    expect(info).toEqual({ identities: [], features: ["f"], forms: [] })
  })

  test("fields named like members of every object are fields", () => {
    const { fields } = dataForm.read(
      parseXml(`<x ${X} type='form'><field var='__proto__'><value>1</value></field><field/></x>`),
    )
    expect(Object.entries(fields)).toEqual([["__proto__", ["1"]]])
  })

  test("a node is created with its configuration", () => {
    expect(
      serializeXml(pubsub.createNode("urn:xmpp:openpgp:0:secret-key", { "pubsub#access_model": "whitelist" })),
    ).toBe(
      "<pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='urn:xmpp:openpgp:0:secret-key'/><configure>" +
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>" +
        "<field var='pubsub#access_model'><value>whitelist</value></field></x></configure></pubsub>",
    )
    expect(serializeXml(pubsub.createNode("n"))).toBe(
      "<pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='n'/></pubsub>",
    )
    expect(serializeXml(pubsub.deleteNode("n"))).toBe(
      "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='n'/></pubsub>",
    )
    expect(serializeXml(pubsub.getConfig("n"))).toBe(
      "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='n'/></pubsub>",
    )
  })

  test("publish without options asks for none; one item can be asked for", () => {
    expect(serializeXml(pubsub.publish({ node: "n", payload: element("a", "urn:a") }))).toBe(
      "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item><a xmlns='urn:a'/></item></publish></pubsub>",
    )
    expect(serializeXml(pubsub.items({ node: "n", itemId: "i" }))).toBe(
      "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='i'/></items></pubsub>",
    )
  })

  test("three items come in document order", () => {
    const items = "<items node='n'><item id='3'/><item id='2'/><item id='1'/></items>"
    const answer = parseXml(
      `<iq xmlns='jabber:client' type='result'><pubsub xmlns='http://jabber.org/protocol/pubsub'>${items}</pubsub></iq>`,
    )
    expect(pubsub.readItems(answer).items.map(({ id }) => id)).toEqual(["3", "2", "1"])
    expectRefused(() => pubsub.readItems(iq({ type: "result" })))
  })

  test("R35: a notification without payload has none; what is no notification is undefined", () => {
    const event = (inner: string) => client(`<event xmlns='http://jabber.org/protocol/pubsub#event'>${inner}</event>`)
    expect(pubsub.readEvent(event("<items node='n'><item id='1'/></items>"))?.items).toEqual([{ id: "1" }])
    expect(pubsub.readEvent(event("<items/>"))).toBeUndefined()
    expect(pubsub.readEvent(event(""))).toBeUndefined()
    expect(pubsub.readEvent(client("<body>x</body>"))).toBeUndefined()
    expect(pubsub.readEvent(event("<configuration node='n'/>"))?.kind).toBe("configuration")
  })
})
