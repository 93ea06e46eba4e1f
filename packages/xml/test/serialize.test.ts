import { element, type XmlElement } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseXml, serializeXml } from "../src/index.ts"
import { expectRefused } from "./refused.ts"

const character = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(..."<>&'\"]]> \t\n\r=/!-?{}\u00a0\ufeff\u0085\u2028") },
  fc
    .string({ unit: "binary", minLength: 1, maxLength: 1 })
    .filter((c) => /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]$/u.test(c)),
)
const text = fc.string({ unit: character, maxLength: 12 })
const name = fc.constantFrom("a", "b", "body", "x-1", "_", "ß", "é́", "日本", "xmlns", "xml", "𐐀")
const namespace = fc.constantFrom("", "jabber:client", "urn:xmpp:openpgp:0", "urn:'&<\">", "http://example.org/é")
const attributeName = fc.constantFrom("a", "b", "to", "xml:lang", "xml:space", "__proto__", "constructor", "ü")
const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
  tree: fc.record({
    name,
    namespace,
    attributes: fc
      .uniqueArray(fc.tuple(attributeName, text), { selector: ([key]) => key, maxLength: 4 })
      .map(Object.fromEntries),
    children: fc.array(fc.oneof({ depthSize: "small" }, text, tie("tree")), { maxLength: 4 }),
  }) as fc.Arbitrary<XmlElement>,
}))

/** As a parser gives it: no empty text, no text next to text. */
function normal(e: XmlElement): XmlElement {
  const children: (XmlElement | string)[] = []
  for (const child of e.children) {
    const last = children.at(-1)
    if (typeof child !== "string") children.push(normal(child))
    else if (typeof last === "string") children[children.length - 1] = last + child
    else if (child !== "") children.push(child)
  }
  return { ...e, children }
}

describe("round trip", () => {
  test("what is written is read as the same element", () => {
    fc.assert(
      fc.property(tree, (e) => {
        expect(parseXml(serializeXml(e))).toEqual(normal(e))
      }),
      { numRuns: 2_000 },
    )
  })

  test("whatever is read can be written within the same bounds, and is the same then", () => {
    const piece = fc.constantFrom(
      "<a>",
      "</a>",
      "<a/>",
      "<p:a>",
      "</p:a>",
      "<p:a/>",
      "<a xmlns=''>",
      "<a xmlns='u&lt;'>",
      "<p:a xmlns:p='urn:q'>",
      "<p:a xmlns='v'/>",
      "<a b='\"&apos;' c=\"'\"/>",
      "<![CDATA[<&]]>",
      "<![CDATA[]]]]>",
      ">",
      "&#13;",
      "&amp;",
      "x",
      "<!---->",
    )
    let read = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.integer({ min: 30, max: 200 }), (pieces, maxBytes) => {
        const limits = { maxBytes, maxAttributes: 3, maxDepth: 5 }
        const source = `<p:a xmlns:p='urn:p' xmlns='d'>${pieces.join("")}</p:a>`
        let e: XmlElement
        try {
          e = parseXml(source, limits)
        } catch {
          return
        }
        read++
        expect(parseXml(serializeXml(e, limits), limits)).toEqual(e)
      }),
      { numRuns: 5_000, seed: 1 },
    )
    expect(read).toBeGreaterThan(300)
  })
})

describe("what is written", () => {
  test("xmlns stands where the namespace changes, and nowhere else", () => {
    const e = element("a", "u", {}, [
      element("b", "u"),
      element("c", "v", { "xml:lang": "en" }, [element("d", "u")]),
      element("e", ""),
    ])
    expect(serializeXml(e)).toBe("<a xmlns='u'><b/><c xmlns='v' xml:lang='en'><d xmlns='u'/></c><e xmlns=''/></a>")
  })

  test("text cannot become markup", () => {
    expect(serializeXml(element("a", "", {}, ["</a><b>]]>", "]]", ">"]))).toBe("<a>&lt;/a>&lt;b>]]&gt;]]&gt;</a>")
    expect(serializeXml(element("a", "", { b: "/><x y='", c: '\'""<&\n' }))).toBe(
      `<a b="/>&lt;x y='" c='&#39;""&lt;&amp;&#10;'/>`,
    )
  })

  test("what XML cannot carry is refused", () => {
    for (const bad of ["\0", "\u0001", "\u001f", "\ufffe", "\ud800", "\udc00x"]) {
      expectRefused(() => serializeXml(element("a", "", {}, [bad])))
      expectRefused(() => serializeXml(element("a", "", { b: bad })))
      expectRefused(() => serializeXml(element("a", `urn:${bad}`)))
    }
    for (const bad of ["", "1", "a b", "a:b", "a>", "a/", "\u00aa", "-a", "a\n"]) {
      expectRefused(() => serializeXml(element(bad, "")))
      expectRefused(() => serializeXml(element("a", "", { [bad]: "" })))
    }
    for (const bad of ["xmlns", "xmlns:p", "p:a", "{urn:p}a", "xml:", "xml:1"])
      expectRefused(() => serializeXml(element("a", "", { [bad]: "" })))
    for (const bad of [" u", "u\n", "http://www.w3.org/2000/xmlns/", "http://www.w3.org/XML/1998/namespace"])
      expectRefused(() => serializeXml(element("a", bad)))
  })

  test("X10: a deep or large tree is refused, it overflows nothing", () => {
    let deep = element("a", "")
    for (let i = 0; i < 100_000; i++) deep = element("a", "", {}, [deep])
    expectRefused(() => serializeXml(deep), "maxDepth")
    expectRefused(() => serializeXml(element("a", "", {}, ["x".repeat(1_048_576)])), "maxBytes")
    expectRefused(() => serializeXml(element("a", "", {}, Array(10_001).fill(element("b", "")))), "maxChildren")
    const branch = element("b", "", {}, Array(200).fill(element("c", "")))
    expectRefused(() => serializeXml(element("a", "", {}, Array(200).fill(branch))), "maxElements")
    const wide = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`a${i}`, ""]))
    expect(parseXml(serializeXml(element("a", "", wide))).name).toBe("a")
    expectRefused(() => serializeXml(element("a", "u", wide)), "maxAttributes")
  })
})
