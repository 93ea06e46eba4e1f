import { isAurochsError, type XmlElement } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { childReader, parseXml, serializeXml } from "../src/index.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const start =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='ox.test' version='1.0'>"
const end = "</stream:stream>"

/** The child as it is read with the whole stream around it; a bound that was exceeded, or undefined if it is refused. */
function within(child: string, maxElements: number): XmlElement | string | undefined {
  return outcome(() => {
    const { children } = parseXml(bytes(start + child + end), { maxElements: maxElements + 1, maxDepth: 65 })
    const [only] = children
    if (children.length !== 1 || typeof only !== "object") throw new TypeError("not one element")
    return only
  })
}

function outcome(read: () => XmlElement): XmlElement | string | undefined {
  try {
    return read()
  } catch (error) {
    return isAurochsError(error, "BAD_DATA") ? error.details.limit : undefined
  }
}

describe("X3, X11: a child is read as if its parent stood around it", () => {
  const read = childReader(bytes(start), bytes(end), { maxElements: 5 })

  test("the namespace of the stream is the one of a stanza that names none; prefixes of the stream hold", () => {
    expect(read(bytes("<message><body>a</body></message>"))).toMatchObject({
      namespace: "jabber:client",
      children: [{ name: "body", namespace: "jabber:client" }],
    })
    expect(read(bytes("<stream:error><a xmlns='b'/></stream:error>"))).toMatchObject({
      name: "error",
      namespace: "http://etherx.jabber.org/streams",
      children: [{ namespace: "b" }],
    })
  })

  test("trees, and what is left of them after changes", () => {
    const text = fc.string({ unit: fc.constantFrom(..."ab &<>'\"]\n\té😀;"), maxLength: 6 })
    const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
      tree: fc.record({
        name: fc.constantFrom("a", "message", "x-1"),
        namespace: fc.constantFrom("", "jabber:client", "urn:xmpp:openpgp:0"),
        attributes: fc.dictionary(fc.constantFrom("a", "to", "xml:lang"), text, { maxKeys: 2 }),
        children: fc.array(fc.oneof({ depthSize: "small" }, text, tie("tree")), { maxLength: 3 }),
      }) as fc.Arbitrary<XmlElement>,
    }))
    const piece = fc.constantFrom("<", ">", "/>", "</a>", "<a/>", "x", "&amp;", "&", " xmlns='u'", " p:a=''", "stream:")
    const changes = fc.array(fc.record({ at: fc.nat(), remove: fc.nat(3), piece }), { maxLength: 2 })
    const seen = { read: 0, refused: 0, bound: 0 }
    fc.assert(
      fc.property(tree, fc.boolean(), changes, (e, isBare, all) => {
        let child = serializeXml(e)
        // As servers write it: the stream says whose namespace it is.
        if (isBare) child = child.replace(" xmlns='jabber:client'", "").replace(' xmlns="jabber:client"', "")
        for (const change of all) {
          const from = change.at % (child.length + 1)
          child = child.slice(0, from) + change.piece + child.slice(from + change.remove)
        }
        if (!child.isWellFormed()) return
        const expected = within(child, 5)
        seen[typeof expected === "object" ? "read" : expected === undefined ? "refused" : "bound"] += 1
        expect(
          outcome(() => read(bytes(child))),
          child,
        ).toEqual(expected)
      }),
      { numRuns: 3_000 },
    )
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(50)
  })

  test("X10: bounds hold for each child", () => {
    const small = childReader(bytes(start), bytes(end), { maxBytes: 30, maxDepth: 2 })
    expect(small(bytes("<message><a/></message>")).children).toHaveLength(1)
    expect(outcome(() => small(bytes(`<message>${"a".repeat(20)}</message>`)))).toBe("maxBytes")
    expect(outcome(() => small(bytes("<a><a><a/></a></a>")))).toBe("maxDepth")
  })

  test("a parent that is none is refused", () => {
    for (const [from, to] of [
      ["<a>", "</b>"],
      ["<p:a>", "</p:a>"],
      ["", ""],
    ] as const) {
      expect(() => childReader(bytes(from), bytes(to))).toThrow(/bad XML/)
    }
  })
})
