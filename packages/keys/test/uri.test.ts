import { bareJid, fingerprint } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { fingerprintUri, readKeyUri, trustUri } from "../src/index.ts"
import { juliet, print } from "./samples.ts"

const hex = (n: number) =>
  fc.uint8Array({ minLength: n, maxLength: n }).map((b) => fingerprint(Buffer.from(b).toString("hex")))

describe("R54: fingerprints as URIs", () => {
  test("the form of XEP-0434 §8.1.1, with Base16 identifiers", () => {
    expect(trustUri(juliet, [print(1)])).toBe(
      `xmpp:juliet@example.org?trust-message;encryption=urn:xmpp:openpgp:0;trust=${print(1).toLowerCase()}`,
    )
    expect(fingerprintUri(print(1))).toBe(`openpgp4fpr:${print(1)}`)
  })

  test("what is written is read back, for any address and any keys", () => {
    const jids = fc.constantFrom(
      "juliet@example.org",
      "d*artagnan@example.org",
      "a%b+c@example.org",
      "jülia@müller.example",
    )
    fc.assert(
      fc.property(jids, fc.array(fc.oneof(hex(20), hex(32)), { minLength: 1, maxLength: 8 }), (jid, prints) => {
        const owner = bareJid(jid)
        expect(readKeyUri(trustUri(owner, prints))).toEqual({ owner, trust: prints, distrust: [] })
      }),
    )
  })

  test("distrust, upper case, a scheme in capitals and white space around are read", () => {
    const uri = `  XMPP:juliet@example.org?trust-message;encryption=urn:xmpp:openpgp:0;trust=${print(1)};distrust=${print(2)}\n`
    expect(readKeyUri(uri)).toEqual({ owner: juliet, trust: [print(1)], distrust: [print(2)] })
    expect(readKeyUri(`OPENPGP4FPR:${print(3).toLowerCase()}`)).toEqual({ trust: [print(3)], distrust: [] })
  })

  test.each([
    ["", "nothing"],
    ["https://example.org/", "another scheme"],
    ["xmpp:juliet@example.org", "no query"],
    ["xmpp:juliet@example.org?message;body=hi", "another query"],
    [`xmpp:juliet@example.org?trust-message;encryption=urn:xmpp:omemo:2;trust=${print(1)}`, "another encryption"],
    [`xmpp:juliet@example.org?trust-message;trust=${print(1)};encryption=urn:xmpp:openpgp:0`, "encryption not first"],
    ["xmpp:juliet@example.org?trust-message;encryption=urn:xmpp:openpgp:0", "no key"],
    ["xmpp:juliet@example.org?trust-message;encryption=urn:xmpp:openpgp:0;trust=ABCD", "a short fingerprint"],
    [`xmpp:?trust-message;encryption=urn:xmpp:openpgp:0;trust=${print(1)}`, "no address"],
    [`xmpp:%ff?trust-message;encryption=urn:xmpp:openpgp:0;trust=${print(1)}`, "malformed escapes"],
    [`openpgp4fpr:${print(1)}00`, "42 digits"],
    [`openpgp4fpr:${"A".repeat(5_000)}`, "too long"],
  ])("refused: %s (%s)", (uri) => {
    expect(() => readKeyUri(uri)).toThrowError(expect.objectContaining({ code: "BAD_DATA" }))
  })

  test("any text is read or refused, nothing else happens", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((s) => `xmpp:${s}`),
          fc.string().map((s) => `xmpp:a@b.c?trust-message;${s}`),
        ),
        (text) => {
          try {
            readKeyUri(text)
          } catch (error) {
            expect(error).toMatchObject({ code: "BAD_DATA" })
          }
        },
      ),
    )
  })
})
