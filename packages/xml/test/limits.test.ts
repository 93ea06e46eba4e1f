import { isAurochsError } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import { defaultXmlLimits, parseXml, serializeXml, type XmlLimits } from "../src/index.ts"
import { expectRefused } from "./refused.ts"

/** What costs the square of its length takes minutes; a busy machine or a browser must not fail for being slow. */
function quickly(work: () => void): void {
  const before = performance.now()
  work()
  expect(performance.now() - before).toBeLessThan(3_000)
}

describe("X10, A17: bounds", () => {
  test("each bound is the last value that is read", () => {
    const cases: [keyof XmlLimits, number, string, string][] = [
      ["maxBytes", 11, "<a>1234</a>", "<a>12345</a>"],
      ["maxBytes", 11, "<a>😀</a>", "<a>😀!</a>"],
      ["maxDepth", 2, "<a><b/></a>", "<a><b><c/></b></a>"],
      ["maxElements", 3, "<a><b/><b/></a>", "<a><b/><b/><b/></a>"],
      ["maxAttributes", 2, "<a b='' c=''/>", "<a b='' c='' d=''/>"],
      ["maxAttributes", 2, "<a b='' xmlns='u'/>", "<a b='' xmlns='u' xmlns:p='p'/>"],
      ["maxChildren", 3, "<a>x<b/>y</a>", "<a>x<b/>y<b/></a>"],
    ]
    for (const [limit, value, read, refused] of cases) {
      expect(parseXml(read, { [limit]: value }).name).toBe("a")
      expect(parseXml(new TextEncoder().encode(read), { [limit]: value }).name).toBe("a")
      expectRefused(() => parseXml(refused, { [limit]: value }), limit)
      expectRefused(() => parseXml(new TextEncoder().encode(refused), { [limit]: value }), limit)
    }
  })

  test("280 kB of nesting are refused at the bound, not worked through", () => {
    for (const text of [
      "<a>".repeat(93_334),
      "<a:b xmlns:a='u'>".repeat(16_000),
      "<a b:c='1' xmlns:b='u'>".repeat(12_000),
    ])
      quickly(() => expectRefused(() => parseXml(text), "maxDepth"))
  })

  test("a megabyte of attributes, elements, text, references, CDATA, comments", () => {
    const many = (piece: string) => piece.repeat(Math.floor(1_000_000 / piece.length))
    const attributes = Array.from({ length: 90_000 }, (_, i) => `a${i}=''`).join(" ")
    quickly(() => expectRefused(() => parseXml(`<a ${attributes}/>`), "maxAttributes"))
    quickly(() => expectRefused(() => parseXml(`<a>${many("<b/>")}</a>`), "maxChildren"))
    quickly(() => expectRefused(() => parseXml(`<a>${many("<b><c/><c/></b>")}</a>`), "maxElements"))
    for (const piece of ["x", "&amp;", "]]", "<![CDATA[x]]>", "<!---->"])
      quickly(() => expect(parseXml(`<a>${many(piece)}</a>`).children.length).toBeLessThan(2))
    quickly(() => expectRefused(() => parseXml(`<a>&${many("x")};</a>`)))
    quickly(() => expectRefused(() => parseXml(`<!DOCTYPE a [${many("<!ENTITY x 'y'>")}]><a/>`)))
  })

  test("a prefix cannot make a small text a large one", () => {
    const long = "u".repeat(500_000)
    expectRefused(() => parseXml(`<a xmlns:p='${long}'>${"<p:b/>".repeat(9_000)}</a>`), "namespace")
    const bounded = "u".repeat(512)
    expectRefused(() => parseXml(`<a xmlns:p='${bounded}'>${"<p:b/>".repeat(9_000)}</a>`), "maxBytes")
    expectRefused(() => parseXml(`<a><![CDATA[${"&".repeat(1_000_000)}]]></a>`), "maxBytes")
    expectRefused(() => serializeXml({ name: "a", namespace: long, attributes: {}, children: [] }), "namespace")
  })

  test("a bound that bounds nothing is refused", () => {
    for (const maxDepth of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1_001]) {
      try {
        parseXml("<a/>", { maxDepth })
        expect.unreachable()
      } catch (error) {
        expect(isAurochsError(error, "CONFIGURATION")).toBe(true)
      }
    }
  })

  test("a bound that is undefined is the default one", () => {
    const limits = { maxDepth: undefined } as unknown as Partial<XmlLimits>
    expectRefused(() => parseXml("<a>".repeat(defaultXmlLimits.maxDepth + 1), limits), "maxDepth")
  })
})
