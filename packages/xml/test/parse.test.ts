import { isAurochsError } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import { parseXml } from "../src/index.ts"
import { expectRefused } from "./refused.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)

describe("what is read", () => {
  test("namespaces are resolved, prefixes are gone, declarations are no attributes", () => {
    expect(
      parseXml("<p:a xmlns:p='urn:p' xmlns='urn:d' b='1' xml:lang='en'><c/><p:d xmlns=''><e/></p:d></p:a>"),
    ).toEqual({
      name: "a",
      namespace: "urn:p",
      attributes: { b: "1", "xml:lang": "en" },
      children: [
        { name: "c", namespace: "urn:d", attributes: {}, children: [] },
        {
          name: "d",
          namespace: "urn:p",
          attributes: {},
          children: [{ name: "e", namespace: "", attributes: {}, children: [] }],
        },
      ],
    })
  })

  test("text around comments, CDATA and references is one child", () => {
    expect(parseXml("<a>x<!-- y --><![CDATA[<&>]]>&amp;&#x1F600;&#10;\r\n</a>").children).toEqual(["x<&>&😀\n\n"])
    expect(parseXml("<a><![CDATA[]]></a>").children).toEqual([])
  })

  test("line ends and white space in attributes are normalised (XML 1.0 §2.11, §3.3.3)", () => {
    expect(parseXml("<a b='1\r\n\t2&#10;3'>x\ry</a>")).toMatchObject({
      attributes: { b: "1  2\n3" },
      children: ["x\ny"],
    })
  })

  test("attributes named like members of every object are attributes", () => {
    const { attributes } = parseXml("<a __proto__='1' constructor='2'/>")
    expect(Object.entries(attributes)).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ])
  })

  test("attributes of a foreign namespace are dropped", () => {
    expect(parseXml("<a xmlns:p='urn:p' p:b='1' b='2'/>").attributes).toEqual({ b: "2" })
  })

  test("an XML declaration, a byte order mark, comments and white space around the root", () => {
    for (const text of [
      "<?xml version='1.0'?><a/>",
      "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<!-- c --> <a/> <!-- d -->\n",
      "\ufeff<a/>",
      "\ufeff<?xml version='1.0'?><a/>",
    ]) {
      expect(parseXml(text).name).toBe("a")
      expect(parseXml(utf8(text)).name).toBe("a")
    }
  })
})

const REFUSED: Record<string, string> = {
  nothing: "",
  "only white space": "  ",
  "two roots": "<a/><b/>",
  "text before": "x<a/>",
  "text after": "<a/>x",
  "a reference after": "<a/>&#32;",
  CDATA: "<a/><![CDATA[x]]>",
  "an unclosed root": "<a><b/>",
  "a wrong end tag": "<a></b>",
  "an end tag too many": "<a/></a>",
  "a half start tag": "<a b='1'",
  "a document type": "<!DOCTYPE a><a/>",
  "a document type with entities": "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
  "a billion laughs": "<!DOCTYPE a [<!ENTITY b 'ha'><!ENTITY c '&b;&b;'>]><a>&c;</a>",
  "an external entity": "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
  "an undefined entity": "<a>&nbsp;</a>",
  "an entity named like a member of every object": "<a>&constructor;</a>",
  "an open reference": "<a>&amp</a>",
  "a bare ampersand": "<a>a & b</a>",
  "a processing instruction before": "<?x y?><a/>",
  "a processing instruction inside": "<a><?x y?></a>",
  "a processing instruction after": "<a/><?x y?>",
  "an XML declaration that is not at the start": " <?xml version='1.0'?><a/>",
  "an XML declaration inside": "<a><?xml version='1.0'?></a>",
  "two XML declarations": "<?xml version='1.0'?><?xml version='1.0'?><a/>",
  "XML 1.1": "<?xml version='1.1'?><a/>",
  "another encoding": "<?xml version='1.0' encoding='iso-8859-1'?><a/>",
  "an unbound prefix": "<p:a/>",
  "an unbound prefix of an attribute": "<a p:b='1'/>",
  "a prefix that is bound only inside": "<p:a><b xmlns:p='urn:p'/></p:a>",
  "a prefix bound to nothing": "<p:a xmlns:p=''/>",
  "duplicate attributes": "<a b='1' b='2'/>",
  "duplicate attributes by namespace": "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
  "duplicate declarations": "<a xmlns='u' xmlns='u'/>",
  "an attribute without value": "<a b/>",
  "an attribute without quotes": "<a b=1/>",
  "attributes without space between": "<a b='1'c='2'/>",
  "< in an attribute": "<a b='<'/>",
  "]]> in text": "<a>]]></a>",
  "-- in a comment": "<a><!-- a -- b --></a>",
  NUL: "<a>\0</a>",
  "a reference to NUL": "<a>&#0;</a>",
  "a control character": "<a>\u0001</a>",
  "a reference to a control character": "<a>&#x1F;</a>",
  "a control character in an attribute": "<a b='\u0008'/>",
  "a control character in a comment": "<a><!--\u0001--></a>",
  "a reference to a surrogate": "<a>&#xD83D;</a>",
  "a reference beyond Unicode": "<a>&#x110000;</a>",
  "U+FFFE": "<a>\ufffe</a>",
  "a lone high surrogate, which saxes reads as one with the tag behind it": "<a>\ud800<b></a>",
  "a lone low surrogate": "<a>\udc00</a>",
  "a local name that starts with a digit": "<p:1 xmlns:p='urn:p'/>",
  "an attribute's local name that starts with a digit": "<a xmlns:p='urn:p' p:1='1'/>",
  "two colons": "<p:a:b xmlns:p='urn:p'/>",
  "a namespace name that is trimmed by some": "<a xmlns=' urn:xmpp:openpgp:0'/>",
  "a bound namespace name that is trimmed by some": "<p:a xmlns:p='urn:xmpp:openpgp:0&#10;'/>",
  "another prefix for the xml namespace": "<p:a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
  "an element with the prefix xml": "<xml:a/>",
  "an element with the prefix xmlns": "<xmlns:a/>",
}

describe("X11, A17, R1: what is refused", () => {
  for (const [title, text] of Object.entries(REFUSED)) test(title, () => expectRefused(() => parseXml(text)))

  test("bytes that are not strict UTF-8", () => {
    for (const bytes of [
      [0xff],
      [0xc0, 0x80],
      [0xe0, 0x80, 0xaf],
      [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
      [0xf0, 0x9f, 0x98],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
    ])
      expectRefused(() => parseXml(Uint8Array.from([...utf8("<a>"), ...bytes, ...utf8("</a>")])))
  })

  test("UTF-16", () => {
    expectRefused(() => parseXml(Uint8Array.from([0xff, 0xfe, 0x3c, 0, 0x61, 0, 0x2f, 0, 0x3e, 0])))
  })

  test("what is refused is not quoted in the error", () => {
    for (const text of [
      "<a><secret></a>",
      "<secret:a/>",
      "<a secret='1' secret='2'/>",
      "<a>&secret;</a>",
      "<a></secret>",
    ]) {
      try {
        parseXml(text)
        expect.unreachable()
      } catch (error) {
        expect(isAurochsError(error, "BAD_DATA")).toBe(true)
        expect(String((error as Error).stack)).not.toContain("secret")
        expect((error as Error).cause).toBeUndefined()
      }
    }
  })
})
