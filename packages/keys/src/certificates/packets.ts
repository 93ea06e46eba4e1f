// The outside of OpenPGP packets (RFC 9580 §4.2, §5.2, §5.5.4): enough to take a keyring apart and to leave out what is
// not wanted, without an engine and without believing anything of it.
import { createHash } from "node:crypto"
import { type Fingerprint, fingerprint } from "@aurochs/core"

/** Packet types that a certificate is made of (RFC 9580 §5). */
export const tag = {
  signature: 2,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
} as const

/** One packet. */
export interface Packet {
  readonly tag: number
  readonly body: Uint8Array
}

/** Packets with headers of the newer format (RFC 9580 §4.2.1): the same whoever wrote them; SKS writes the older one. */
export function writePackets(packets: readonly Packet[]): Uint8Array {
  const chunks = packets.flatMap(({ tag: kind, body }) => [
    new Uint8Array([0xc0 | kind, ...lengthOctets(body.length)]),
    body,
  ])
  return new Uint8Array(Buffer.concat(chunks))
}

function lengthOctets(length: number): number[] {
  if (length < 192) return [length]
  if (length < 8384) return [((length - 192) >> 8) + 192, (length - 192) & 255]
  return [255, (length >> 24) & 255, (length >> 16) & 255, (length >> 8) & 255, length & 255]
}

/**
 * Takes a sequence of packets apart; both header formats (RFC 9580 §4.2). Partial and indeterminate lengths are not for
 * what a certificate is made of.
 *
 * @returns undefined if it is no such sequence, or one of more than `maxPackets`
 */
export function readPackets(bytes: Uint8Array, maxPackets: number): Packet[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const packets: Packet[] = []
  for (let at = 0; at < bytes.length; ) {
    const header = view.getUint8(at)
    const length = (header & 0x40) !== 0 ? newLength(view, at + 1) : oldLength(view, at + 1, header & 3)
    if ((header & 0x80) === 0 || length === undefined || packets.length === maxPackets) return undefined
    const from = at + 1 + length.octets
    const end = from + length.value
    if (end > bytes.length) return undefined
    const kind = (header & 0x40) !== 0 ? header & 0x3f : (header & 0x3c) >> 2
    packets.push({ tag: kind, body: bytes.subarray(from, end) })
    at = end
  }
  return packets
}

interface Length {
  readonly octets: number
  readonly value: number
}

function newLength(view: DataView, at: number): Length | undefined {
  const first = at < view.byteLength ? view.getUint8(at) : 255
  if (first < 192) return { octets: 1, value: first }
  if (first < 224) {
    return at + 2 > view.byteLength
      ? undefined
      : { octets: 2, value: ((first - 192) << 8) + view.getUint8(at + 1) + 192 }
  }
  return first === 255 && at + 5 <= view.byteLength ? { octets: 5, value: view.getUint32(at + 1) } : undefined
}

function oldLength(view: DataView, at: number, type: number): Length | undefined {
  const octets = [1, 2, 4][type]
  if (octets === undefined || at + octets > view.byteLength) return undefined
  const value = octets === 1 ? view.getUint8(at) : octets === 2 ? view.getUint16(at) : view.getUint32(at)
  return { octets, value }
}

/** Fingerprint of a key packet's body, version 4 or 6 (RFC 9580 §5.5.4); undefined for any other (R45). */
export function fingerprintOf(body: Uint8Array): Fingerprint | undefined {
  const version = body[0]
  if (version !== 4 && version !== 6) return undefined
  const head = new DataView(new ArrayBuffer(version === 4 ? 3 : 5))
  head.setUint8(0, version === 4 ? 0x99 : 0x9b)
  if (version === 4) head.setUint16(1, body.length)
  else head.setUint32(1, body.length)
  const hash = createHash(version === 4 ? "sha1" : "sha256")
  return fingerprint(hash.update(new Uint8Array(head.buffer)).update(body).digest("hex"))
}

/** The key ID within a fingerprint, in upper-case hex: the last (v4) or first (v6) eight octets (RFC 9580 §5.5.4). */
export function keyIdOf(print: Fingerprint): string {
  return print.length === 40 ? print.slice(-16) : print.slice(0, 16)
}

/** What a signature packet says of itself; nothing of it is proven. */
export interface SignatureFacts {
  readonly type: number
  /** Key IDs and fingerprints that it names as its maker, in upper-case hex. */
  readonly issuers: readonly string[]
  /** Seconds since 1970. */
  readonly createdAt: number
}

const CREATION_TIME = 2
const ISSUER_KEY_ID = 16
const ISSUER_FINGERPRINT = 33

/** Reads a signature of version 4 or 6 (RFC 9580 §5.2.3); undefined for any other, and for a damaged one. */
export function readSignature(body: Uint8Array): SignatureFacts | undefined {
  const version = body[0]
  if (version !== 4 && version !== 6) return undefined
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const width = version === 4 ? 2 : 4
  const issuers: string[] = []
  let createdAt = 0
  let at = 4
  for (const isHashed of [true, false]) {
    if (at + width > body.length) return undefined
    const end = at + width + (width === 2 ? view.getUint16(at) : view.getUint32(at))
    if (end > body.length) return undefined
    at += width
    while (at < end) {
      const length = subpacketLength(view, at)
      if (length === undefined || length.value === 0 || at + length.octets + length.value > end) return undefined
      const from = at + length.octets
      const data = body.subarray(from + 1, from + length.value)
      const kind = view.getUint8(from) & 0x7f
      if (kind === CREATION_TIME && isHashed && data.length === 4) createdAt = view.getUint32(from + 1)
      if (kind === ISSUER_KEY_ID) issuers.push(hex(data))
      if (kind === ISSUER_FINGERPRINT) issuers.push(hex(data.subarray(1)))
      at = from + length.value
    }
  }
  return { type: body[1] ?? 0, issuers, createdAt }
}

/** RFC 9580 §5.2.3.7: like a new packet length, except that 224 to 254 begin a two-octet one. */
function subpacketLength(view: DataView, at: number): Length | undefined {
  const first = at < view.byteLength ? view.getUint8(at) : 255
  if (first < 192) return { octets: 1, value: first }
  if (first === 255) return at + 5 <= view.byteLength ? { octets: 5, value: view.getUint32(at + 1) } : undefined
  return at + 2 > view.byteLength ? undefined : { octets: 2, value: ((first - 192) << 8) + view.getUint8(at + 1) + 192 }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase()
}
