import { armor } from "@aurochs/crypto/armor"
import { describe, expect, it } from "vitest"
import { dearmor } from "../src/files.ts"

/** Any bytes whose first one may begin a packet. */
function packetLike(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at === 0 ? 0x98 : (at * 37) % 256))
}

describe("key files", () => {
  it.each([1, 2, 3, 47, 48, 49, 1_000])("R21: %i bytes are the same binary, armored and as Base64", (length) => {
    const bytes = packetLike(length)
    const text = armor("PUBLIC KEY BLOCK", bytes)
    const forms = [
      bytes,
      Buffer.from(text),
      Buffer.from(text.replaceAll("\n", "\r\n")),
      Buffer.from(Buffer.from(bytes).toString("base64")),
    ]
    for (const form of forms) expect(dearmor(form)).toEqual(bytes)
  })

  it("reads several armored blocks, headers and a missing checksum", () => {
    const one = packetLike(10)
    const text = armor("PRIVATE KEY BLOCK", one)
    const plain = text.replace("\n\n", "\nComment: a note\nVersion: 1\n\n").replace(/\n=.{4}\n/, "\n")
    expect(dearmor(Buffer.from(`${plain}\nand\n${text}`))).toEqual(new Uint8Array([...one, ...one]))
  })

  it.each(["", "hello", "-----BEGIN PGP MESSAGE-----\n\n!!!\n-----END PGP MESSAGE-----", "aGVsbG8="])(
    "refuses %j",
    (text) => {
      expect(dearmor(Buffer.from(text))).toBeUndefined()
    },
  )
})
