import { bareJid } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseXml, serializeXml, trustMessage } from "../src/index.ts"

// XEP-0434 §4, example 1.
const EXAMPLE = `<trust-message xmlns='urn:xmpp:tm:1' usage='urn:xmpp:atm:1' encryption='urn:xmpp:omemo:2'>
  <key-owner jid='alice@example.org'>
    <trust>aFABnX7Q/rbTgjBySYzrT2FsYCVYb49mbca5yB734KQ=</trust>
    <trust>IhpPjiKLchgrAG5cpSfTvdzPjZ5v6vTOluHEUehkgCA=</trust>
  </key-owner>
  <key-owner jid='bob@example.com'>
    <trust>YjVI04NcbTPvXLaA95RO84HPcSvyOgEZ2r5cTyUs0C8=</trust>
    <distrust>tCP1CI3pqSTVGzFYFyPYUMfMZ9Ck/msmfD0wH/VtJBM=</distrust>
    <distrust>2fhJtrgoMJxfLI3084/YkYh9paqiSiLFDVL2m0qAgX4=</distrust>
  </key-owner>
</trust-message>`

const read = (xml: string) => trustMessage.read(parseXml(xml))

describe("XEP-0434: <trust-message/>", () => {
  test("the example of the text is read", () => {
    const { usage, encryption, statements } = read(EXAMPLE)
    expect([usage, encryption]).toEqual(["urn:xmpp:atm:1", "urn:xmpp:omemo:2"])
    expect(statements.map(({ owner, trust, distrust }) => [owner, trust.length, distrust.length])).toEqual([
      ["alice@example.org", 2, 0],
      ["bob@example.com", 1, 2],
    ])
    expect(Buffer.from(statements[1]?.trust[0] ?? []).toString("hex")).toBe(
      "623548d3835c6d33ef5cb680f7944ef381cf712bf23a0119dabe5c4f252cd02f",
    )
  })

  test("what is written is read back", () => {
    const id = fc.uint8Array({ minLength: 1, maxLength: 64 })
    const statement = fc
      .record({
        owner: fc.constantFrom(bareJid("a@example.org"), bareJid("b@example.org")),
        trust: fc.array(id, { maxLength: 4 }),
        distrust: fc.array(id, { maxLength: 4 }),
      })
      .filter(({ trust, distrust }) => trust.length + distrust.length > 0)
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1, maxLength: 5 }), (statements) => {
        const message = { usage: "urn:xmpp:atm:1", encryption: "urn:xmpp:openpgp:0", statements }
        expect(read(serializeXml(trustMessage.write(message)))).toEqual(message)
      }),
    )
  })

  test.each([
    ["no usage", EXAMPLE.replace("usage='urn:xmpp:atm:1'", "")],
    ["no encryption", EXAMPLE.replace("encryption='urn:xmpp:omemo:2'", "")],
    ["no owner", "<trust-message xmlns='urn:xmpp:tm:1' usage='a' encryption='b'/>"],
    [
      "an owner without a key",
      "<trust-message xmlns='urn:xmpp:tm:1' usage='a' encryption='b'><key-owner jid='a@b.c'/></trust-message>",
    ],
    ["an owner without an address", EXAMPLE.replace("jid='bob@example.com'", "")],
    ["an address that is none", EXAMPLE.replace("bob@example.com", "@@")],
    ["an empty key", EXAMPLE.replace("YjVI04NcbTPvXLaA95RO84HPcSvyOgEZ2r5cTyUs0C8=", "")],
    ["no Base64", EXAMPLE.replace("YjVI04NcbTPvXLaA95RO84HPcSvyOgEZ2r5cTyUs0C8=", "*")],
    ["a key that is too long", EXAMPLE.replace("YjVI04NcbTPvXLaA95RO84HPcSvyOgEZ2r5cTyUs0C8=", "A".repeat(1_024))],
    ["another version", EXAMPLE.replace("urn:xmpp:tm:1", "urn:xmpp:tm:0")],
    ["too many keys", EXAMPLE.replace("</key-owner>", `${"<trust>AAAA</trust>".repeat(100)}</key-owner>`)],
  ])("refused: %s", (_, xml) => {
    expect(() => read(xml)).toThrowError(expect.objectContaining({ code: "BAD_DATA" }))
  })

  test("nothing without a key is written", () => {
    const owner = bareJid("a@example.org")
    const base = { usage: "a", encryption: "b" }
    expect(() => trustMessage.write({ ...base, statements: [] })).toThrow()
    expect(() => trustMessage.write({ ...base, statements: [{ owner, trust: [], distrust: [] }] })).toThrow()
  })
})
