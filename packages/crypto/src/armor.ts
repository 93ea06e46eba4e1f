// ASCII armor (RFC 9580 §6.2), for people, mail and key servers; nothing that goes over XMPP is armored (XEP-0373 §3).
import { joined, looksLikePackets } from "./packets.ts"

/** What an armor header line says that it holds (RFC 9580 §6.2.1). */
export type ArmorKind = "MESSAGE" | "PUBLIC KEY BLOCK" | "PRIVATE KEY BLOCK" | "SIGNATURE"

/** Why nothing could be read: no block of the kind, or one that is cut off, is not Base64, or holds no packets. */
export type Misarmored = "none" | "malformed"

const BEGIN = /-----BEGIN PGP (MESSAGE|PUBLIC KEY BLOCK|PRIVATE KEY BLOCK|SIGNATURE)-----/
/** A line that holds a CRC-24; "an implementation MUST NOT reject" for what it says (RFC 9580 §6.1), so it is not read. */
const CHECKSUM = /^=[A-Za-z0-9+/]{4}\s*$/
const LINE = /.{1,64}/g

/**
 * One block of ASCII armor with the checksum that RFC 9580 §6.1 made optional: SKS takes none without it, and GnuPG 2.2
 * warns.
 *
 * @param bytes binary OpenPGP data
 */
export function armor(kind: ArmorKind, bytes: Uint8Array): string {
  const crc = crc24(bytes)
  const checksum = encodeBase64(Uint8Array.of(crc >> 16, (crc >> 8) & 255, crc & 255))
  const lines = encodeBase64(bytes).match(LINE) ?? []
  return `-----BEGIN PGP ${kind}-----\n\n${lines.join("\n")}\n=${checksum}\n-----END PGP ${kind}-----\n`
}

/**
 * The packets in what came from a person, a file or a key server: binary as it is, or the armored blocks of a text one
 * after another, with whatever around them. Takes time in proportion to the input; whoever calls bounds it.
 *
 * @param kind blocks of other kinds are passed over; all kinds count if it is not given
 * @returns a view of binary input; a copy of what was armored; or why there is nothing
 */
export function dearmor(bytes: Uint8Array, kind?: ArmorKind): Uint8Array | Misarmored {
  if (looksLikePackets(bytes)) return bytes
  const blocks = blocksIn(new TextDecoder("latin1").decode(bytes), kind)
  if (blocks === undefined) return "malformed"
  if (blocks.length === 0) return "none"
  const parts = blocks.map(packetsIn)
  return parts.every((part) => part !== undefined) ? joined(parts) : "malformed"
}

/** What stands between the header lines and their tails, once through the text; undefined if a block does not end. */
function blocksIn(text: string, kind: ArmorKind | undefined): readonly string[] | undefined {
  const blocks: string[] = []
  const begins = new RegExp(BEGIN, "g")
  for (let begin = begins.exec(text); begin !== null; begin = begins.exec(text)) {
    if (kind !== undefined && begin[1] !== kind) continue
    const tail = `-----END PGP ${begin[1]}-----`
    const end = text.indexOf(tail, begins.lastIndex)
    if (end === -1) return undefined
    blocks.push(text.slice(begins.lastIndex, end))
    begins.lastIndex = end + tail.length
  }
  return blocks
}

/** The rest of the header line, headers up to the first empty line, Base64, perhaps a checksum line. */
function packetsIn(block: string): Uint8Array | undefined {
  const [rest, ...lines] = block.split(/\r?\n/)
  if (rest?.trim() !== "") return undefined
  const empty = lines.findIndex((line) => line.trim() === "")
  const base64 = lines.slice(empty + 1).filter((line) => !CHECKSUM.test(line))
  const bytes = decodeBase64(base64.join("").replace(/[\t\r ]+/g, ""))
  return bytes !== undefined && looksLikePackets(bytes) ? bytes : undefined
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

/** Turned into text in pieces: `String.fromCharCode` takes a bounded number of arguments. A multiple of three. */
const PIECE = 8_190

function encodeBase64(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)))
  }
  return text
}

/** @returns undefined unless it is canonical: one value has one spelling */
function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return encodeBase64(bytes) === text ? bytes : undefined
}
