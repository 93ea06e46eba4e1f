import type { XmlElement } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { createStreamParser, parseXml, type StreamParser, serializeXml, type XmlLimits } from "../src/index.ts"
import { expectRefused } from "./refused.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)
const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org' version='1.0' xml:lang='en'>"

function recorder(limits?: Partial<XmlLimits>): { parser: StreamParser; events: (string | XmlElement)[] } {
  const events: (string | XmlElement)[] = []
  const parser = createStreamParser(
    {
      open: (header) => events.push(`open ${header.attributes.id}`),
      element: (element) => events.push(element),
      close: () => events.push("close"),
    },
    limits,
  )
  return { parser, events }
}

function opened(limits?: Partial<XmlLimits>): { parser: StreamParser; events: (string | XmlElement)[] } {
  const recorded = recorder(limits)
  recorded.parser.write(utf8(HEADER))
  return recorded
}

describe("a stream", () => {
  test("header, stanzas, nonzas, white space between, end", () => {
    const { parser, events } = recorder()
    parser.write(
      utf8(`${HEADER}<stream:features><a xmlns='urn:a'/></stream:features> \r\n\t<message><body>hi</body></message>`),
    )
    parser.write(utf8(" <r xmlns='urn:xmpp:sm:3'/></stream:stream>\n"))
    parser.end()
    expect(events).toEqual([
      "open 1",
      parseXml("<features xmlns='http://etherx.jabber.org/streams'><a xmlns='urn:a'/></features>"),
      parseXml("<message xmlns='jabber:client'><body>hi</body></message>"),
      parseXml("<r xmlns='urn:xmpp:sm:3'/>"),
      "close",
    ])
  })

  test("the header is told before anything follows", () => {
    const { events } = opened()
    expect(events).toEqual(["open 1"])
  })

  test("X3: however the bytes are cut, emoji and line ends too, the same elements come out", () => {
    const body = "é😀\r\n\r 𝄞\ufeff&#x1F600;]]"
    const stanzas = [`<message><body>${body}</body></message>`, "\r", `<a b='${body}'/>`, "<iq/>"].join("")
    const bytes = utf8(`\ufeff${HEADER}${stanzas}</stream:stream>`)
    const whole = recorder()
    whole.parser.write(bytes)
    expect(whole.events).toHaveLength(5)
    expect(JSON.stringify(whole.events)).toContain("é😀\\n\\n 𝄞")
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 40 }), (cuts) => {
        const { parser, events } = recorder({ maxBytes: 300 })
        let from = 0
        for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
          parser.write(bytes.subarray(from, cut))
          from = cut
        }
        parser.end()
        expect(events).toEqual(whole.events)
      }),
    )
    const single = recorder()
    for (const byte of bytes) single.parser.write(Uint8Array.of(byte))
    expect(single.events).toEqual(whole.events)
  })

  test("a handler's error is the handler's, and nothing is lost by it", () => {
    const names: string[] = []
    const parser = createStreamParser({
      open: () => {},
      element: ({ name }) => {
        names.push(name)
        if (name === "a") throw new Error("mine")
      },
      close: () => {},
    })
    expect(() => parser.write(utf8(`${HEADER}<a/><b/>`))).toThrow("mine")
    parser.write(utf8("<c/>"))
    expect(names).toEqual(["a", "b", "c"])
  })
})

describe("X11: what is refused", () => {
  const inside: Record<string, string> = {
    "a document type": "<!DOCTYPE a [<!ENTITY x 'y'>]>",
    "a comment (RFC 6120 §11.1)": "<!-- c -->",
    "a comment in a stanza": "<a><!-- c --></a>",
    "a processing instruction": "<?x y?>",
    "an XML declaration": "<?xml version='1.0'?>",
    "an entity": "<a>&x;</a>",
    "duplicate attributes": "<a b='' b=''/>",
    "an unbound prefix": "<p:a/>",
    "text between stanzas": "x<a/>",
    "CDATA between stanzas": "<![CDATA[x]]>",
    "no-break space between stanzas": "\u00a0<a/>",
    "a control character": "<a>\u0001</a>",
  }
  for (const [title, text] of Object.entries(inside))
    test(title, () => {
      const { parser, events } = opened()
      expectRefused(() => parser.write(utf8(`<before/>${text}`)))
      expect(events.slice(1)).toEqual([parseXml("<before xmlns='jabber:client'/>")])
      expectRefused(() => parser.write(utf8("<after/>")))
      expectRefused(() => parser.end())
      expect(events).toHaveLength(2)
    })

  test("a stanza with another's end tag is not told", () => {
    for (const end of ["</iq>", "</stream:stream>", "</messag>"]) {
      const { parser, events } = opened()
      expectRefused(() => parser.write(utf8(`<a/><message><body>x</body>${end}`)))
      expect(events.slice(1)).toEqual([parseXml("<a xmlns='jabber:client'/>")])
    }
    const { parser, events } = opened()
    expectRefused(() => parser.write(utf8("</other>")))
    expect(events).toEqual(["open 1"])
  })

  test("a root that is no stream", () => {
    for (const root of [
      "<stream>",
      "<html>",
      "<stream xmlns='jabber:client'>",
      "<s:streams xmlns:s='http://etherx.jabber.org/streams'>",
    ]) {
      const { parser, events } = recorder()
      expectRefused(() => parser.write(utf8(root)))
      expect(events).toEqual([])
    }
  })

  test("bytes that are not UTF-8", () => {
    const { parser } = opened()
    parser.write(Uint8Array.from([...utf8("<a>"), 0xf0, 0x9f]))
    expectRefused(() => parser.write(utf8("</a>")))
  })

  test("an end without </stream:stream>", () => {
    for (const rest of ["", "<a", "<a>"]) {
      const { parser } = opened()
      parser.write(utf8(rest))
      expectRefused(() => parser.end())
    }
    expectRefused(() => recorder().parser.end())
  })
})

describe("X10, A17: bounds on each stanza", () => {
  /** Writes `piece` until it is refused. */
  function writtenUntilRefused(parser: StreamParser, piece: Uint8Array, atMost: number, limit: string): number {
    let written = 0
    expectRefused(() => {
      while (written < atMost) {
        written += piece.length
        parser.write(piece)
      }
    }, limit)
    return written
  }

  test("an unfinished stanza of 100 MB is refused at the bound, wherever it does not end", () => {
    const piece = new Uint8Array(65_536).fill(0x78)
    for (const start of [
      "<a>",
      "<a b='",
      "<a ",
      "<",
      "</",
      "<a>&",
      "<![CDATA[",
      "<a><![CDATA[",
      "<!--",
      "<?x ",
      "<?",
      "<!DOCTYPE ",
    ]) {
      const { parser, events } = opened()
      let written = 0
      let refused = false
      try {
        parser.write(utf8(start))
        for (; written < 100_000_000; written += piece.length) parser.write(piece)
      } catch {
        refused = true
      }
      expect(refused, start).toBe(true)
      expect(written).toBeLessThan(1_048_576 + piece.length)
      expect(events).toEqual(["open 1"])
    }
    const { parser } = opened()
    parser.write(utf8("<a>"))
    expect(writtenUntilRefused(parser, piece, 100_000_000, "maxBytes")).toBeLessThan(1_048_576 + piece.length)
  })

  test("a chunk of 50 MB is not worked through", () => {
    const { parser } = opened()
    const chunk = new Uint8Array(50_000_000).fill(0x78)
    chunk.set(utf8("<a>"))
    const before = performance.now()
    expectRefused(() => parser.write(chunk), "maxBytes")
    expect(performance.now() - before).toBeLessThan(3_000)
  })

  test("the bound is exact: the stanza with the xmlns it inherits", () => {
    const fits = 300 - utf8("<a xmlns='jabber:client'></a>").length
    for (const chunkBytes of [1, 7, 1_000]) {
      const write = (length: number) => {
        const { parser, events } = opened({ maxBytes: 300 })
        const bytes = utf8(`<a>${"é".repeat(4)}${"x".repeat(length - 8)}</a>`.repeat(3))
        for (let at = 0; at < bytes.length; at += chunkBytes) parser.write(bytes.subarray(at, at + chunkBytes))
        return events
      }
      const [, stanza] = write(fits)
      expect(utf8(serializeXml(stanza as XmlElement, { maxBytes: 300 }))).toHaveLength(300)
      expectRefused(() => write(fits + 1), "maxBytes")
    }
  })

  test("any number of stanzas, each below the bound, also when every chunk ends within one", () => {
    const { parser, events } = opened({ maxBytes: 1_000, maxElements: 3 })
    const bytes = utf8(`<message><body>${"x".repeat(900)}</body></message>`.repeat(500))
    for (let at = 0; at < bytes.length; at += 700) parser.write(bytes.subarray(at, at + 700))
    expect(events).toHaveLength(501)
  })

  test("keep-alive white space for years", () => {
    const { parser, events } = opened({ maxBytes: 300 })
    for (let i = 0; i < 3_000; i++) parser.write(utf8(i % 7 === 0 ? "<r xmlns='urn:xmpp:sm:3'/> \n" : " \n"))
    expect(events).toHaveLength(1 + 429)
  })

  test("endless text between stanzas, white space of other kinds too", () => {
    for (const piece of ["x".repeat(100), "\u00a0".repeat(50), "\u2003".repeat(30)]) {
      const { parser } = opened({ maxBytes: 1_000 })
      let written = 0
      expect(() => {
        for (; written < 100_000; written += 100) parser.write(utf8(piece))
      }).toThrow()
      expect(written).toBeLessThan(1_200)
    }
  })

  test("an endless header", () => {
    const { parser } = recorder()
    parser.write(utf8("<stream:stream xmlns:stream='"))
    writtenUntilRefused(parser, new Uint8Array(65_536).fill(0x78), 100_000_000, "maxBytes")
  })

  test("depth, elements, attributes and children", () => {
    const cases: [string, string][] = [
      ["maxDepth", "<a>".repeat(65)],
      ["maxElements", `<a>${`<b>${"<c/>".repeat(200)}</b>`.repeat(100)}`],
      ["maxAttributes", `<a ${Array.from({ length: 65 }, (_, i) => `a${i}=''`).join(" ")}>`],
      ["maxChildren", `<a>${"<b/>".repeat(10_001)}`],
    ]
    for (const [limit, text] of cases) {
      const { parser } = opened()
      expectRefused(() => parser.write(utf8(text)), limit)
    }
  })
})
