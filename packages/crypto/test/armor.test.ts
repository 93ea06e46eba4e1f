import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { armor, dearmor } from "../src/armor.ts"
import { joined, writePacket } from "../src/packets.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)
const kind = fc.constantFrom("MESSAGE", "PUBLIC KEY BLOCK", "PRIVATE KEY BLOCK", "SIGNATURE")
const packet = fc.uint8Array({ maxLength: 400 }).map((body) => writePacket(2, body))

describe("armor", () => {
  it("R21: what was armored comes back, with whatever line ends, and with whatever around it", () => {
    const around = fc.string({ maxLength: 40 }).filter((text) => !text.includes("-----"))
    fc.assert(
      fc.property(kind, fc.array(packet, { minLength: 1, maxLength: 3 }), around, (of, all, text) => {
        // Text that comes before never looks like packets: ASCII, or a file would be binary.
        const before = text.replace(/[^ -~]/g, "")
        const blocks = all.map((one) => armor(of, one)).join(text)
        for (const lines of [blocks, blocks.replaceAll("\n", "\r\n"), blocks.replaceAll("\n", " \n")]) {
          expect(dearmor(utf8(`${before}${lines}${text}`), of)).toEqual(joined(all))
          expect(dearmor(utf8(`${before}${lines}${text}`))).toEqual(joined(all))
        }
        expect(dearmor(joined(all), of)).toEqual(joined(all))
      }),
    )
  })

  it("lines have 64 characters at most, and large data comes back too", () => {
    const bytes = writePacket(
      11,
      new Uint8Array(100_000).map((_, i) => i),
    )
    const text = armor("MESSAGE", bytes)
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBe(64)
    expect(dearmor(utf8(text))).toEqual(bytes)
  })

  it("headers are passed over, and so is the checksum, right or wrong or missing (RFC 9580 §6.1)", () => {
    const bytes = writePacket(2, Uint8Array.of(1, 2, 3))
    const text = armor("SIGNATURE", bytes)
    const headed = text.replace("\n\n", "\nVersion: 1\nComment: a note\n\n")
    for (const one of [headed, text.replace(/\n=.{4}\n/, "\n"), text.replace(/\n=.{4}\n/, "\n=AAAA\n")]) {
      expect(one).not.toBe(text)
      expect(dearmor(utf8(one))).toEqual(bytes)
    }
  })

  it("a block of another kind is passed over, in gpg's own files also what stands before it", () => {
    const [one, two] = [writePacket(5, Uint8Array.of(1)), writePacket(6, Uint8Array.of(2))]
    const text = `Do not import this:\n\n:${armor("PUBLIC KEY BLOCK", two)}${armor("PRIVATE KEY BLOCK", one)}`
    expect(dearmor(utf8(text), "PUBLIC KEY BLOCK")).toEqual(two)
    expect(dearmor(utf8(text), "PRIVATE KEY BLOCK")).toEqual(one)
    expect(dearmor(utf8(text), "MESSAGE")).toBe("none")
    expect(dearmor(utf8(text))).toEqual(joined([two, one]))
  })

  it("A15: every cut of a block is refused", () => {
    const text = armor("MESSAGE", writePacket(18, new Uint8Array(100)))
    const begin = "-----BEGIN PGP MESSAGE-----"
    // The line break behind it is not needed.
    for (let at = 0; at < text.length - 1; at++) {
      expect(dearmor(utf8(text.slice(0, at)))).toBe(at < begin.length ? "none" : "malformed")
      expect(dearmor(utf8(text.slice(0, at) + text)), `at ${at}`).not.toBe("none")
    }
  })

  it("what is no armor is none, what is damaged is not read", () => {
    const block = (inside: string) => utf8(`-----BEGIN PGP MESSAGE-----${inside}\n-----END PGP MESSAGE-----\n`)
    for (const none of ["", "hello", "<html>No results found</html>", "-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n"]) {
      expect(dearmor(utf8(none))).toBe("none")
    }
    expect(dearmor(block("\n\nwgEB"))).toEqual(Uint8Array.of(0xc2, 1, 1))
    const nothing = ["", "\n", "\n\n!!!", "\n\naGVsbG8="]
    const notCanonical = ["\n\nwgEB\n\nw", "\n\nwgEB=", "\n\nwgF=", "\n\nwgEB\nwgEB=="]
    for (const inside of [...nothing, ...notCanonical, " wgEB", "\nVersion: 1\nwgEB"]) {
      expect(dearmor(block(inside)), inside).toBe("malformed")
    }
    const other = armor("MESSAGE", Uint8Array.of(0xc2, 0)).replace("END PGP MESSAGE", "END PGP SIGNATURE")
    expect(dearmor(utf8(other))).toBe("malformed")
  })

  it("A17: whatever the bytes, it ends", () => {
    const pieces = fc.constantFrom(
      "-----BEGIN PGP MESSAGE-----",
      "-----END PGP MESSAGE-----",
      "\n",
      "\n\n",
      "wgEB",
      "=",
      "x",
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 5 })), { maxLength: 20 }), (all) => {
        const read = dearmor(utf8(all.join("")))
        if (typeof read === "string") expect(["none", "malformed"]).toContain(read)
        else expect((read[0] ?? 0) & 0x80).toBe(0x80)
      }),
      { numRuns: 1_000 },
    )
    // Ten thousand beginnings, and one look for an end.
    expect(dearmor(utf8("-----BEGIN PGP MESSAGE-----\n".repeat(10_000)))).toBe("malformed")
  })
})
