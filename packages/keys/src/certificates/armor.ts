import { AurochsError } from "@aurochs/core"
import { decodeBase64, encodeBase64 } from "@aurochs/xml"

const BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
const END = "-----END PGP PUBLIC KEY BLOCK-----"
const CHECKSUM = /^=[A-Za-z0-9+/]{4}\s*$/

/**
 * The packets in what a key server sends: binary, or one or more armored blocks (RFC 9580 §6.2) with whatever around
 * them. The checksum is not looked at (§6.1).
 *
 * @throws {AurochsError} `BAD_DATA` (`certificate`) if it is neither
 */
export function dearmor(bytes: Uint8Array): Uint8Array {
  if (((bytes[0] ?? 0) & 0x80) !== 0) return bytes
  const text = new TextDecoder("latin1").decode(bytes)
  const blocks = blocksIn(text).map(body)
  if (blocks.length === 0) throw bad("neither OpenPGP packets nor an armored key")
  try {
    return new Uint8Array(Buffer.concat(blocks.map(decodeBase64)))
  } catch {
    throw bad("malformed armor")
  }
}

/** One block of ASCII armor, as key servers are given it: SKS takes none without the checksum that RFC 9580 made optional. */
export function armor(bytes: Uint8Array): string {
  const lines = encodeBase64(bytes).match(/.{1,64}/g) ?? []
  const crc = crc24(bytes)
  const checksum = encodeBase64(new Uint8Array([crc >> 16, (crc >> 8) & 255, crc & 255]))
  return `${BEGIN}\n\n${lines.join("\n")}\n=${checksum}\n${END}\n`
}

/** RFC 9580 §6.1.1. */
function crc24(bytes: Uint8Array): number {
  let crc = 0xb704ce
  for (const byte of bytes) {
    crc ^= byte << 16
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1
      if (crc & 0x1000000) crc ^= 0x1864cfb
    }
  }
  return crc
}

/** What stands between the lines, once through the text. */
function blocksIn(text: string): string[] {
  const blocks: string[] = []
  for (let at = 0; ; ) {
    const from = text.indexOf(BEGIN, at)
    const to = from === -1 ? -1 : text.indexOf(END, from)
    if (to === -1) return blocks
    blocks.push(text.slice(from + BEGIN.length, to))
    at = to + END.length
  }
}

/** Headers up to the first empty line, then Base64, then perhaps a checksum line. */
function body(block: string): string {
  // The rest of the line that begins it.
  const lines = block.split(/\r?\n/).slice(1)
  const empty = lines.findIndex((line) => line.trim() === "")
  return lines
    .slice(empty + 1)
    .filter((line) => !CHECKSUM.test(line))
    .join("\n")
}

function bad(why: string): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `not a certificate: ${why}`, { what: "certificate" })
}
