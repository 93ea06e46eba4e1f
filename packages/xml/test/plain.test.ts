import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { isAurochsError, type XmlElement } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { utf8Length } from "../src/characters.ts"
import { defaultXmlLimits, serializeXml, type XmlLimits } from "../src/index.ts"
import { readStrictly } from "../src/parse.ts"
import { readPlain } from "../src/plain.ts"

/** What the strict parser says; undefined if it refuses. */
function strictly(text: string, limits: XmlLimits): XmlElement | undefined {
  try {
    return readStrictly(text, utf8Length(text), limits)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return undefined
    throw error
  }
}

/** What is read plainly has to be what the strict parser reads; how often it was, is counted. */
function compared(text: string, limits: XmlLimits = defaultXmlLimits): number {
  const plain = readPlain(text, limits)
  if (plain === undefined) return 0
  expect(plain, text).toEqual(strictly(text, limits))
  return 1
}

const name = fc.constantFrom("a", "b", "body", "x-1", "_", "é", "xmlns", "a.b", "p:a", "signcrypt")
const text = fc.string({ unit: fc.constantFrom(..."ab &<>'\"]\n\t\ré😀;"), maxLength: 8 })
const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
  tree: fc.record({
    name: fc.constantFrom("a", "b", "body", "x-1", "_"),
    namespace: fc.constantFrom("", "jabber:client", "urn:xmpp:openpgp:0"),
    attributes: fc.dictionary(fc.constantFrom("a", "to", "xml:lang", "xml:space"), text, { maxKeys: 3 }),
    children: fc.array(fc.oneof({ depthSize: "small" }, text, tie("tree")), { maxLength: 4 }),
  }) as fc.Arbitrary<XmlElement>,
}))

describe("X10: what is read plainly is what the strict parser reads", () => {
  test("trees as they are written", () => {
    let plainly = 0
    fc.assert(
      fc.property(tree, (e) => {
        plainly += compared(serializeXml(e))
      }),
      { numRuns: 2_000 },
    )
    expect(plainly).toBeGreaterThan(200)
  })

  test("the same with a few characters changed, and under narrow bounds", () => {
    const piece = fc.constantFrom(
      ..."<>/='\"&;]! \t\n\r:xa-é\u0000\ufeff\u00a0",
      "</",
      "/>",
      "]]>",
      "<!--",
      "<![CDATA[",
      "<?",
      "&amp;",
      "&lt;",
      "&#65;",
      "&nbsp;",
      "xmlns='u'",
      " xmlns=''",
      " xmlns:p='u'",
      " a='1'",
      " xml:lang='en'",
      " __proto__='1'",
      " xmlns='http://www.w3.org/XML/1998/namespace'",
      " xmlns=' u'",
    )
    const change = fc.record({ at: fc.nat(), remove: fc.nat(3), piece })
    const bound = fc.constantFrom(1, 2, 3, 50)
    const limits = fc.record({ maxDepth: bound, maxElements: bound, maxAttributes: bound, maxChildren: bound })
    let plainly = 0
    fc.assert(
      fc.property(tree, fc.array(change, { maxLength: 3 }), limits, (e, changes, bounds) => {
        let changed = serializeXml(e)
        for (const { at, remove, piece: added } of changes) {
          const from = at % (changed.length + 1)
          changed = changed.slice(0, from) + added + changed.slice(from + remove)
        }
        if (!changed.isWellFormed()) return
        plainly += compared(changed) + compared(changed, { ...defaultXmlLimits, ...bounds })
      }),
      { numRuns: 6_000 },
    )
    expect(plainly).toBeGreaterThan(200)
  })

  test("pieces put together anyhow", () => {
    const open = fc.tuple(name, fc.constantFrom("", " ", " a='1'", ' b = "2"', " a='1' a='2'", " xmlns='u'", " a", "/"))
    const tag = fc.oneof(
      open.map(([n, rest]) => `<${n}${rest}>`),
      name.map((n) => `</${n}>`),
      fc.constantFrom("</a >", "< a>", "<a/ >", "<a\n/>", "x", "\n", "&amp;", "&"),
    )
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 8 }), (tags) => {
        compared(tags.join(""))
        compared(`<a>${tags.join("")}</a>`)
      }),
      { numRuns: 6_000 },
    )
  })

  test("every vector", () => {
    const folder = fileURLToPath(new URL("../../../vectors/", import.meta.url))
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".xml"))
    const read = files.map((file) => compared(readFileSync(folder + file, "utf8").trim()))
    expect(read.filter((one) => one === 1).length).toBeGreaterThan(3)
  })

  test("a content element as clients write it", () => {
    const content =
      "<signcrypt xmlns='urn:xmpp:openpgp:0'><to jid='bob@ox.test'/><time stamp=\"2026-03-14T15:09:26Z\"/>" +
      "<rpad>abc</rpad><payload><body xmlns='jabber:client' xml:lang='en'>1 &lt; 2 &amp; 3, 日本 😀</body></payload></signcrypt>"
    expect(compared(content)).toBe(1)
  })
})
