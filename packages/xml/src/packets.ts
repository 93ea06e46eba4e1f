// RFC 9580 §4.2 (packet headers) and §6.2 (armor), as far as they can be told without an OpenPGP engine.
import { decodeBase64, encodeBase64 } from "./base64.ts"
import { badXml } from "./limits.ts"

/** The armor header line's kind (RFC 9580 §6.2.1). */
export type ArmorKind = "MESSAGE" | "PUBLIC KEY BLOCK"

/** A line that holds a CRC-24 in Base64; RFC 9580 §6.1 says not to check it. */
const CHECKSUM = /^[\t\n\r ]=[A-Za-z0-9+/]{4}[\t\n\r ]*$/
const DASH = 0x2d

/**
 * Base64 of raw packets, never of armor (R2, R21).
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) for bytes that are no packets
 */
export function encodePackets(bytes: Uint8Array): string {
  return encodeBase64(checkPackets(bytes))
}

/**
 * Reads what clients send as Base64 of packets: on one line or many, with the checksum line of the armor they took it
 * from, or Base64 of the whole armored text.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
export function decodePackets(text: string, kind: ArmorKind): Uint8Array {
  const bytes = decodeBase64(withoutChecksum(text))
  return checkPackets(bytes[0] === DASH ? unarmored(bytes, kind) : bytes)
}

/** The checksum holds the last `=` of all: nothing before that has to be looked at. */
function withoutChecksum(text: string): string {
  const before = text.lastIndexOf("=") - 1
  return before >= 0 && CHECKSUM.test(text.slice(before)) ? text.slice(0, before) : text
}

/** The first bit of every packet header is one (RFC 9580 §4.2). */
function checkPackets(bytes: Uint8Array): Uint8Array {
  if (((bytes[0] ?? 0) & 0x80) === 0) throw badXml("not OpenPGP packets")
  return bytes
}

/** Headers up to the first empty line, then Base64, then perhaps a checksum line. */
function unarmored(bytes: Uint8Array, kind: ArmorKind): Uint8Array {
  const [first, ...lines] = new TextDecoder("latin1").decode(bytes).trimEnd().split(/\r?\n/)
  if (first?.trimEnd() !== `-----BEGIN PGP ${kind}-----` || lines.pop() !== `-----END PGP ${kind}-----`)
    throw badXml("malformed armor")
  const empty = lines.findIndex((line) => line.trim() === "")
  return decodeBase64(withoutChecksum(lines.slice(empty + 1).join("\n")))
}
