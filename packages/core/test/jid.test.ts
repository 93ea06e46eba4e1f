import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { bareJid, domainOf, fullJid, isAurochsError, parseJid, sameBareJid, toBareJid } from "../src/index.ts"

function expectRefused(work: () => unknown): void {
  try {
    work()
  } catch (error) {
    expect(isAurochsError(error, "BAD_DATA") && error.details).toEqual({ what: "jid" })
    return
  }
  expect.unreachable("nothing was thrown")
}

test("X12: a plain address is its own prepared form, by the short way and by the long one", () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/).filter((one) => !one.startsWith("xn--"))
  const last = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/).filter((one) => !one.startsWith("xn--"))
  const local = fc.stringMatching(/^[a-z0-9._-]{1,12}$/)
  const resource = fc.stringMatching(/^[!-~]{1,12}$/)
  fc.assert(
    fc.property(local, fc.array(label, { maxLength: 3 }), last, resource, (name, labels, top, rest) => {
      const domain = [...labels, top].join(".")
      const parts = { local: name, domain, resource: rest }
      expect(parseJid(`${name}@${domain}/${rest}`)).toEqual(parts)
      // Capitals, a full-width letter and a trailing dot take the long way.
      const long = `\uff41${name.toUpperCase()}@${domain.toUpperCase()}./${rest}`
      expect(parseJid(long)).toEqual({ ...parts, local: `a${name}` })
    }),
  )
})

describe("X12, R51: what is the same address", () => {
  const same: Record<string, [string, string]> = {
    "upper and lower case": ["Juliet@Example.ORG", "juliet@example.org"],
    "NFC and NFD in the localpart": ["caf\u00e9@example.org", "cafe\u0301@example.org"],
    "NFC and NFD in the domain": ["a@b\u00fccher.example", "a@bu\u0308cher.example"],
    "full-width localpart": ["\uff4a\uff35liet@example.org", "juliet@example.org"],
    "full-width domain and dot": ["a@\uff45xample\uff0eorg", "a@example.org"],
    "ideographic dots": ["a@example\u3002org", "a@example\uff61org"],
    "U-label and A-label": ["a@b\u00fccher.example", "a@xn--bcher-kva.example"],
    "A-label in upper case": ["a@XN--BCHER-KVA.example", "a@B\u00dcCHER.example"],
    "\u00df in a domain and its A-label": ["a@fa\u00df.de", "a@xn--fa-hia.de"],
    "capital \u1e9e": ["stra\u1e9ee@example.org", "stra\u00dfe@example.org"],
    "a trailing dot": ["a@example.org.", "a@example.org"],
    "a soft hyphen in a domain, which UTS #46 drops": ["a@ex\u00adample.org", "a@example.org"],
    "an Angstrom and a Kelvin sign": ["\u212b\u212a@example.org", "\u00e5k@example.org"],
    "an IPv6 address written two ways": ["a@[0:0:0:0:0:0:0:1]", "a@[::1]"],
    "resources are not looked at": ["a@example.org/x", "a@example.org/y@z/"],
  }
  for (const [title, [left, right]] of Object.entries(same))
    test(title, () => {
      expect(toBareJid(left)).toBe(toBareJid(right))
      expect(sameBareJid(left, right)).toBe(true)
    })

  const different: Record<string, [string, string]> = {
    "\u00df is not ss in a localpart": ["stra\u00dfe@example.org", "strasse@example.org"],
    "\u00df is not ss in a domain (IDNA 2008)": ["a@fa\u00df.de", "a@fass.de"],
    "a suffix": ["bob@example.org", "bob@example.org.evil"],
    "a prefix": ["bob@example.org", "xbob@example.org"],
    "Cyrillic letters that look alike": ["\u0430lice@example.org", "alice@example.org"],
    "a dotless i": ["\u0131van@example.org", "ivan@example.org"],
    "an escaped space (XEP-0106) is its own": ["a\\20b@example.org", "ab@example.org"],
    "a domain and an account there": ["example.org", "a@example.org"],
    "what is no address equals nothing, not even itself": ["a@b@c", "a@b@c"],
    "nothing and nothing": ["", ""],
  }
  for (const [title, [left, right]] of Object.entries(different))
    test(title, () => expect(sameBareJid(left, right)).toBe(false))
})

describe("X12: what is no address", () => {
  const refused: Record<string, string> = {
    "a star in the domain, which browsers escape": "a@*.example.org",
    "a full-width star in the domain": "a@\uff0a.example.org",
    nothing: "",
    "two @": "a@b@c",
    "two @, quoted": '"a@b"@c',
    "an empty localpart": "@example.org",
    "an empty localpart behind a quote": '"@x"',
    "an empty domain": "a@",
    "an empty domain with a resource": "a@/x",
    "only a dot": "a@.",
    "an empty label": "a@b..c",
    "two trailing dots": "a@b..",
    "an empty resource": "a@b/",
    "only a resource": "/x",
    "NUL in the localpart": "a\0@b",
    "NUL in the domain": "a@b\0",
    "NUL in the resource": "a@b/\0",
    "a control character in the resource": "a@b/\u0085",
    "a space in the localpart": "a b@c",
    "a no-break space in the localpart": "a\u00a0b@c",
    "an ideographic space in the localpart": "a\u3000b@c",
    "a space in the domain": "a@b c",
    "a line end": "a@b\n",
    ...Object.fromEntries([..."\"&':<>"].map((c) => [`${c} in the localpart`, `a${c}b@c`])),
    ...Object.fromEntries([..."#%&':;<>?[\\]^`{|}"].map((c) => [`${c} in the domain`, `a@b${c}c`])),
    "a port": "a@b:5222",
    "a URI": "xmpp:a@b",
    "an open bracket": "a@[::1",
    "something behind a bracket": "a@[::1]x",
    "an IPv4 address in short": "a@127.1",
    "an IPv4 address in hex": "a@0x7f.0.0.1",
    "an IPv4 address in one number": "a@2130706433",
    "an IPv4 address out of range": "a@256.1.1.1",
    "a full-width IPv4 address": "a@\uff11\uff12\uff17.0.0.1",
    "an A-label without anything": "a@xn--.de",
    "an A-label of a control character": "a@xn--a.de",
    "an A-label of plain letters": "a@xn--abc-.de",
    "an A-label of capital letters": "a@xn--BCHER-KVA\u00dc.example",
    "an A-label that overflows": "a@xn--99999999.de",
    "a label above 63 octets": `a@${"a".repeat(64)}.de`,
    "a zero-width joiner in the localpart": "a\u200db@c",
    "a zero-width joiner in the domain": "a@b\u200dc.de",
    "a soft hyphen in the localpart": "a\u00adb@c",
    "a variation selector": "a\ufe0f@c",
    "a combining grapheme joiner": "a\u034f@c",
    "a Hangul filler": "a\u115f@c",
    "an Arabic tatweel": "\u0628\u0640@c",
    "a right-to-left override": "a\u202eb@c",
    "right-to-left and left-to-right letters": "\u05d0a@c",
    "the same in a domain": "a@\u05d0b.de",
    "a ligature": "\ufb01@c",
    "a long s": "\u017f@c",
    "an emoji": "🙂@c",
    "half a surrogate pair": "a\ud800@c",
    "half a surrogate pair in the domain": "a@b\ud800.de",
    "half a surrogate pair in the resource": "a@b/\ud800",
    "a localpart of 1,024 bytes": `${"a".repeat(1024)}@c`,
    "a localpart of 1,024 bytes in UTF-8": `${"\u00fc".repeat(512)}@c`,
    "a resource of 1,024 bytes": `a@b/${"a".repeat(1024)}`,
    "a megabyte": "a".repeat(1_000_000),
  }
  for (const [title, text] of Object.entries(refused)) test(title, () => expectRefused(() => parseJid(text)))

  test("1,023 bytes are not too many", () => {
    expect(parseJid(`${"a".repeat(1023)}@b/${"\u00fc".repeat(511)}x`).local).toHaveLength(1023)
  })

  test("the error does not quote the address", () => {
    expect(() => parseJid("secret@b@c")).toThrow(/^(?!.*secret)/)
  })
})

describe("the functions", () => {
  test("the parts, at the first slash", () => {
    expect(parseJid("A@B.example/C@D/e")).toEqual({ local: "a", domain: "b.example", resource: "C@D/e" })
    expect(parseJid("example.org")).toEqual({ local: undefined, domain: "example.org", resource: undefined })
    expect(parseJid("1@127.0.0.1").domain).toBe("127.0.0.1")
  })

  test("a resource keeps case and width; its spaces and its form are unified (RFC 8265 §4.2)", () => {
    expect(fullJid("A@b/ \u00c4\uff21\ufb01\u00a0e\u0301")).toBe("a@b/ \u00c4\uff21\ufb01 \u00e9")
  })

  test("bareJid, fullJid and toBareJid want what they say", () => {
    expect(bareJid("A@b")).toBe("a@b")
    expectRefused(() => bareJid("a@b/c"))
    expectRefused(() => bareJid("b"))
    expectRefused(() => fullJid("a@b"))
    expectRefused(() => fullJid("b/c"))
    expect(toBareJid("A@b/C")).toBe("a@b")
    expectRefused(() => toBareJid("b/c"))
    expect(domainOf(bareJid("a@B\u00fccher.example."))).toBe("b\u00fccher.example")
  })

  test("an address that is plain already is what preparing it gives", () => {
    const label = fc.string({ unit: fc.constantFrom(..."abz019-"), minLength: 1, maxLength: 5 })
    const local = fc.string({ unit: fc.constantFrom(..."abz019-._"), minLength: 1, maxLength: 8 })
    const domain = fc.array(fc.oneof(label, fc.constant("xn--nxa")), { minLength: 1, maxLength: 4 })
    const resource = fc.constantFrom("", "/", "/r", "/R /x")
    const partsOrNothing = (text: string) => {
      try {
        return parseJid(text)
      } catch {
        return undefined
      }
    }
    let read = 0
    fc.assert(
      fc.property(local, domain, resource, (localpart, labels, rest) => {
        const [at, host] = [`${localpart}@`, labels.join(".")]
        for (const bare of [host, at + host]) {
          // Upper case is never plain: it is prepared step by step.
          const prepared = partsOrNothing(bare.toUpperCase() + rest)
          if (bare.toUpperCase() !== bare) expect(partsOrNothing(bare + rest)).toEqual(prepared)
          if (prepared !== undefined) read++
        }
      }),
      { numRuns: 3_000 },
    )
    expect(read).toBeGreaterThan(500)
  })

  test("what is prepared stays as it is", () => {
    const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 })
    const letter = fc.constantFrom(
      ..."aZ0.-_\u00df\u1e9e\u0130\u03a3\u03c2\u00e9\u0301\uff21\u3042\u05d0\u0627\u0967\u212b\uac00",
    )
    const word = fc.array(letter, { minLength: 1, maxLength: 6 }).map((letters) => letters.join(""))
    const local = fc.oneof(part, word)
    let prepared = 0
    fc.assert(
      fc.property(local, fc.oneof(part, word), part, (localpart, domain, resource) => {
        let once: string
        try {
          once = fullJid(`${localpart}@${domain}/${resource}`)
        } catch (error) {
          expect(isAurochsError(error, "BAD_DATA")).toBe(true)
          return
        }
        prepared++
        expect(fullJid(once)).toBe(once)
      }),
      { numRuns: 3_000, seed: 7 },
    )
    expect(prepared).toBeGreaterThan(200)
  })
})
