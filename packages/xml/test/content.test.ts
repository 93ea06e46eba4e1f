import { element, type XmlElement } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type ContentElement, contentElement, parseXml, serializeXml } from "../src/index.ts"
import { expectRefused } from "./refused.ts"

const OX = "urn:xmpp:openpgp:0"
const TO = "<to jid='juliet@example.org'/>"
const TIME = "<time stamp='2014-07-10T15:06:00Z'/>"
const PAYLOAD = "<payload><body xmlns='jabber:client'>hi</body></payload>"

const xml = (kind: string, ...children: string[]) => parseXml(`<${kind} xmlns='${OX}'>${children.join("")}</${kind}>`)
const read = (kind: string, ...children: string[]): ContentElement => contentElement.read(xml(kind, ...children))
const refused = (kind: string, ...children: string[]) => expectRefused(() => read(kind, ...children))

describe("XEP-0373 §3.1: reading", () => {
  test("R1: only a content element in its namespace", () => {
    for (const e of [
      "<signcrypt/>",
      "<signcrypt xmlns='urn:xmpp:openpgp:1'/>",
      `<openpgp xmlns='${OX}'/>`,
      `<Signcrypt xmlns='${OX}'/>`,
      `<signcrypted xmlns='${OX}'/>`,
      `<payload xmlns='${OX}'/>`,
    ]) {
      const inside = parseXml(e)
      const full = xml("signcrypt", TO, TIME, PAYLOAD)
      expectRefused(() => contentElement.read({ ...full, name: inside.name, namespace: inside.namespace }))
    }
  })

  for (const kind of ["signcrypt", "sign", "crypt"] as const) {
    test(`R7: <${kind}/> has exactly one <time/>, as a direct child`, () => {
      expect(read(kind, TO, TIME, PAYLOAD).time).toEqual(new Date("2014-07-10T15:06:00Z"))
      refused(kind, TO, PAYLOAD)
      refused(kind, TO, TIME, TIME, PAYLOAD)
      refused(kind, TO, `<payload>${TIME}</payload>`)
      refused(kind, TO, `<extra>${TIME}</extra>`, PAYLOAD)
      refused(kind, TO, "<time xmlns='urn:example:other' stamp='2014-07-10T15:06:00Z'/>", PAYLOAD)
    })

    test(`R11: <${kind}/> has a time that is one`, () => {
      for (const stamp of ["", "garbage", "2014-02-31T00:00:00Z", "1405004760"])
        refused(kind, TO, `<time stamp='${stamp}'/>`, PAYLOAD)
      refused(kind, TO, "<time/>", PAYLOAD)
      refused(kind, TO, "<time>2014-07-10T15:06:00Z</time>", PAYLOAD)
    })

    test(`R13: <${kind}/> has exactly one <payload/>, whatever its namespace`, () => {
      expect(read(kind, TO, TIME, PAYLOAD).payload).toHaveLength(1)
      refused(kind, TO, TIME)
      refused(kind, TO, TIME, PAYLOAD, PAYLOAD)
      refused(kind, TO, TIME, PAYLOAD, "<payload xmlns='jabber:client'/>")
      refused(kind, TO, TIME, `<extra>${PAYLOAD}</extra>`)
      refused(kind, TO, TIME, "<payload xmlns='urn:example:other'/>")
    })

    test(`R12: <${kind}/> may lack <rpad/>, an empty one is one, two are refused`, () => {
      expect(read(kind, TO, TIME, PAYLOAD).rpad).toBeUndefined()
      expect(read(kind, TO, TIME, PAYLOAD, "<rpad/>").rpad).toBe("")
      expect(read(kind, "<rpad>a&lt;b</rpad>", PAYLOAD, TIME, TO).rpad).toBe("a<b")
      refused(kind, TO, TIME, "<rpad>a</rpad>", PAYLOAD, "<rpad>b</rpad>")
      expect(read(kind, TO, TIME, `<payload><rpad/><rpad/></payload>`).rpad).toBeUndefined()
    })
  }

  test("R8: signcrypt and sign name a recipient, each with an address", () => {
    for (const kind of ["signcrypt", "sign"]) {
      refused(kind, TIME, PAYLOAD)
      refused(kind, "<to/>", TIME, PAYLOAD)
      refused(kind, "<to jid=''/>", TIME, PAYLOAD)
      refused(kind, TO, "<to/>", TIME, PAYLOAD)
      refused(kind, TIME, `<payload>${TO}</payload>`)
      refused(kind, "<to xmlns='urn:example:other' jid='a@b'/>", TIME, PAYLOAD)
      refused(kind, "<to xmlns:x='urn:x' x:jid='a@b'/>", TIME, PAYLOAD)
      expect(read(kind, TO, "<to jid='B@example.org/x'/>", TIME, PAYLOAD).to).toEqual([
        "juliet@example.org",
        "B@example.org/x",
      ])
    }
  })

  test("R10: crypt may lack a recipient, but not its address", () => {
    expect(read("crypt", TIME, PAYLOAD).to).toEqual([])
    expect(read("crypt", TO, TIME, PAYLOAD).to).toEqual(["juliet@example.org"])
    refused("crypt", "<to/>", TIME, PAYLOAD)
  })

  test("A8: a content element inside another is unknown, and does not count", () => {
    const inner = `<signcrypt>${TO}${TIME}${PAYLOAD}</signcrypt>`
    refused("signcrypt", inner)
    expect(read("signcrypt", TO, TIME, PAYLOAD, inner).unknown).toEqual([{ name: "signcrypt", namespace: OX }])
  })

  test("unknown children are ignored and named, known names in other namespaces too", () => {
    const other = "<time xmlns='urn:example:o'/><payload xmlns='urn:example:o'/><x/>"
    expect(read("signcrypt", other, TO, TIME, PAYLOAD).unknown).toEqual([
      { name: "time", namespace: "urn:example:o" },
      { name: "payload", namespace: "urn:example:o" },
      { name: "x", namespace: OX },
    ])
  })

  test("I6, A9: a body is left in its namespace; one in the namespace of XEP-0373 is meant for jabber:client", () => {
    const namespaceOf = (payload: string) =>
      read("signcrypt", TO, TIME, payload).payload.map(({ namespace }) => namespace)
    expect(namespaceOf("<payload><body>x</body></payload>")).toEqual(["jabber:client"])
    expect(namespaceOf("<payload xmlns='jabber:client'><body>x</body></payload>")).toEqual(["jabber:client"])
    expect(namespaceOf("<payload><body xmlns='jabber:server'>x</body></payload>")).toEqual(["jabber:server"])
    expect(namespaceOf("<payload><body xmlns=''>x</body><bodyguard/></payload>")).toEqual(["", OX])
    expect(namespaceOf("<payload><c:body xmlns:c='jabber:client'>x</c:body></payload>")).toEqual(["jabber:client"])
  })

  test("several payload children, in order, text between them is nothing", () => {
    const { payload } = read("signcrypt", TO, TIME, "<payload>\n<b xmlns='b'/>stray<a xmlns='a'><a/></a></payload>")
    expect(payload.map((child) => serializeXml(child))).toEqual(["<b xmlns='b'/>", "<a xmlns='a'><a/></a>"])
  })
})

describe("XEP-0373 §3.1: writing", () => {
  const time = new Date("2024-05-06T07:08:09.999Z")

  test("what every client reads: order to, time, rpad, payload; no prolog, no attributes", () => {
    const payload = [element("body", "jabber:client", {}, ["hi"])]
    const e = contentElement.write({
      kind: "signcrypt",
      to: ["a@example.org", "b@example.org"],
      time,
      rpad: "r",
      payload,
    })
    expect(serializeXml(e)).toBe(
      `<signcrypt xmlns='${OX}'><to jid='a@example.org'/><to jid='b@example.org'/><time stamp='2024-05-06T07:08:09Z'/>` +
        "<rpad>r</rpad><payload><body xmlns='jabber:client'>hi</body></payload></signcrypt>",
    )
  })

  test("R8, R11: nothing is written that would be refused", () => {
    const payload: XmlElement[] = []
    expectRefused(() => contentElement.write({ kind: "signcrypt", to: [], time, payload }))
    expectRefused(() => contentElement.write({ kind: "sign", to: [], time, payload }))
    expectRefused(() => contentElement.write({ kind: "signcrypt", to: [""], time, payload }))
    expectRefused(() => contentElement.write({ kind: "crypt", to: [], time: new Date(Number.NaN), payload }))
  })

  test("what is written is read as the same", () => {
    const jid = fc.constantFrom("a@example.org", "ß@example.org/'<", "x")
    const content = fc.record({
      kind: fc.constantFrom("signcrypt" as const, "sign" as const, "crypt" as const),
      to: fc.array(jid, { minLength: 1, maxLength: 3 }),
      time: fc.integer({ min: -6e10, max: 2.5e11 }).map((s) => new Date(s * 1000)),
      rpad: fc.option(fc.string({ unit: "grapheme-ascii" }), { nil: undefined }),
      payload: fc.array(fc.constantFrom(element("a", "urn:a"), element("body", "jabber:client", {}, ["😀"])), {
        maxLength: 3,
      }),
    })
    fc.assert(
      fc.property(content, (value) => {
        const again = contentElement.read(parseXml(serializeXml(contentElement.write(value))))
        expect(again).toEqual({ ...value, unknown: [] })
      }),
    )
  })
})
