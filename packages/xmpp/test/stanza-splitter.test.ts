import type { XmlElement } from "@aurochs/core"
import { parseXml, serializeXml } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { streamReader } from "../src/stream-reader.ts"

const header =
  "<?xml version='1.0'?>\n<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' a='/>'>"

/** Reads a stream in pieces of this size. */
function read(text: string, size: number, limits = {}): string[] {
  const told: string[] = []
  const write = streamReader(
    {
      open: ({ name }) => told.push(`open ${name}`),
      element: (element: XmlElement) => told.push(serializeXml(element)),
      skipped: (name) => told.push(`skipped ${name}`),
      close: () => told.push("close"),
    },
    limits,
  )
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += size) write(bytes.subarray(at, at + size))
  return told
}

describe("a stream in pieces of any size", () => {
  const body = [
    "<message a='>' b=\"/>'\"><x xmlns='urn:x'><![CDATA[</message> ]] ]>]]]></x>\u{1f402}é</message>",
    " \n\t",
    "<presence/>",
    "<iq  ><a/><b></b></iq >",
    "<stream:features><x xmlns='urn:y'/></stream:features>",
  ].join("")
  const expected = [
    "open stream",
    ...[
      "<message xmlns='jabber:client' a='&gt;' b='/&gt;&apos;'><x xmlns='urn:x'>&lt;/message&gt; ]] ]&gt;]</x>\u{1f402}é</message>",
      "<presence xmlns='jabber:client'/>",
      "<iq xmlns='jabber:client'><a/><b/></iq>",
      "<features xmlns='http://etherx.jabber.org/streams'><x xmlns='urn:y'/></features>",
    ].map((stanza) => serializeXml(parseXml(stanza))),
    "close",
  ]
  for (const size of [1, 2, 3, 7, 64, 10_000]) {
    test(`X3 ${size} byte(s)`, () => {
      expect(read(`${header}${body}</stream:stream>`, size)).toEqual(expected)
    })
  }

  test("nothing is read behind the end of the stream", () => {
    expect(read(`${header}</stream:stream><message/>`, 5)).toEqual(["open stream", "close"])
  })

  for (const size of [1, 50, 10_000]) {
    test(`X10 what is beyond a bound is left out, in pieces of ${size}`, () => {
      const long = `<message><body>${"x".repeat(300)}</body></message>`
      const told = read(`${header}${long}<presence/>${"<iq>".repeat(5)}${"</iq>".repeat(5)}<iq/>`, size, {
        maxBytes: 200,
        maxDepth: 4,
      })
      expect(told).toEqual([
        "open stream",
        "skipped message",
        "<presence xmlns='jabber:client'/>",
        "skipped iq",
        "<iq xmlns='jabber:client'/>",
      ])
    })
  }

  test("X10 the bounds hold for a stanza, not for the stream's start tag around it", () => {
    const limits = { maxDepth: 2, maxElements: 2, maxBytes: 100 }
    expect(read(`${header}<iq><a/></iq>`, 100, limits)).toEqual(["open stream", "<iq xmlns='jabber:client'><a/></iq>"])
  })
})

describe("X11 what must not be read", () => {
  for (const [what, text] of [
    ["something else than a stream", "<html>"],
    ["a header without end", `<stream:stream ${"a".repeat(20_000)}`],
    ["another declaration", `${header}<?xml version='1.0'?>`],
    ["an instruction before the header", "<?evil?><stream:stream>"],
    ["a stanza that closes the stream and opens it again", `${header}<a></b><c></a>`],
    ["an empty tag", `${header}<>`],
    ["text", `${header}x`],
  ] as const) {
    test(`X11 ${what}`, () => {
      expect(() => read(text, 10_000)).toThrow(/bad XML|exceeds/)
    })
  }
})
