import { createHash } from "node:crypto"

/** Packet types (RFC 9580 §5), as far as this provider looks at them itself. */
export const tag = {
  publicKeySession: 1,
  signature: 2,
  passwordSession: 3,
  onePassSignature: 4,
  secretKey: 5,
  publicKey: 6,
  compressed: 8,
  encryptedWithoutIntegrity: 9,
  marker: 10,
  literal: 11,
  publicSubkey: 14,
  encrypted: 18,
  aeadEncrypted: 20,
  padding: 21,
} as const

/** One packet of a sequence. */
export interface Packet {
  readonly tag: number
  /** Header and body as they stand in the sequence. */
  readonly bytes: Uint8Array
  /** The body, put together from its parts. */
  readonly body: Uint8Array
}

/** Packets whose length need not be known beforehand (RFC 9580 §4.2.1.4). */
const STREAMED: ReadonlySet<number> = new Set([
  tag.compressed,
  tag.encryptedWithoutIntegrity,
  tag.literal,
  tag.encrypted,
  tag.aeadEncrypted,
])

/**
 * Takes a packet sequence apart by its headers (RFC 9580 §4.2); no body is looked into.
 *
 * @param maxPackets more of them are `"too-many"`
 * @returns the packets, which cover every byte, or why it is no such sequence
 */
export function packetsOf(bytes: Uint8Array, maxPackets: number): readonly Packet[] | "malformed" | "too-many" {
  const packets: Packet[] = []
  let at = 0
  while (at < bytes.length) {
    if (packets.length >= maxPackets) return "too-many"
    const packet = packetAt(bytes, at)
    if (packet === undefined) return "malformed"
    packets.push(packet)
    at += packet.bytes.length
  }
  return packets.length > 0 ? packets : "malformed"
}

function packetAt(bytes: Uint8Array, start: number): Packet | undefined {
  const header = bytes[start] ?? 0
  if ((header & 0x80) === 0) return undefined
  const current = (header & 0x40) !== 0
  const type = current ? header & 0x3f : (header >> 2) & 0x0f
  const parts: Uint8Array[] = []
  let at = start + 1
  for (let more = true; more; ) {
    const length = current ? lengthAt(bytes, at) : oldLengthAt(bytes, at, header & 3)
    if (length === undefined || ((length.partial || length.rest) && !STREAMED.has(type))) return undefined
    const from = at + length.octets
    const end = from + length.bytes
    if (end > bytes.length) return undefined
    parts.push(bytes.subarray(from, end))
    at = end
    more = length.partial
  }
  const [only] = parts
  const body = only !== undefined && parts.length === 1 ? only : joined(...parts)
  return { tag: type, bytes: bytes.subarray(start, at), body }
}

interface Length {
  /** How many the length itself takes. */
  readonly octets: number
  readonly bytes: number
  readonly partial: boolean
  /** All that is left: the old format's indeterminate length. */
  readonly rest: boolean
}

function lengthAt(bytes: Uint8Array, at: number): Length | undefined {
  const one = bytes[at]
  if (one === undefined) return undefined
  const whole = { partial: false, rest: false }
  if (one < 192) return { octets: 1, bytes: one, ...whole }
  if (one >= 224 && one < 255) return { octets: 1, bytes: 2 ** (one & 0x1f), partial: true, rest: false }
  const octets = one < 224 ? 2 : 5
  if (at + octets > bytes.length) return undefined
  const length = one < 224 ? ((one - 192) << 8) + (bytes[at + 1] ?? 0) + 192 : number(bytes.subarray(at + 1, at + 5))
  return { octets, bytes: length, ...whole }
}

function oldLengthAt(bytes: Uint8Array, at: number, kind: number): Length | undefined {
  if (kind === 3) return { octets: 0, bytes: bytes.length - at, partial: false, rest: true }
  const octets = 2 ** kind
  if (at + octets > bytes.length) return undefined
  return { octets, bytes: number(bytes.subarray(at, at + octets)), partial: false, rest: false }
}

function number(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}

/** A packet with a header of the current format and its whole length. */
export function packet(type: number, body: Uint8Array): Uint8Array {
  const n = body.length
  const length = n < 192 ? [n] : [255, n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255]
  return joined(Uint8Array.of(0xc0 | type, ...length), body)
}

/** Byte strings as one. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Key IDs of the version 4 keys of a certificate, primary key first, in upper case (RFC 9580 §5.5.4.2). */
export function keyIdsOf(certificate: Uint8Array): readonly string[] {
  const packets = packetsOf(certificate, Number.POSITIVE_INFINITY)
  if (typeof packets === "string") return []
  return packets
    .filter((one) => (one.tag === tag.publicKey || one.tag === tag.publicSubkey) && one.body[0] === 4)
    .map(({ body }) => {
      const prefix = Uint8Array.of(0x99, body.length >> 8, body.length & 255)
      return createHash("sha1").update(prefix).update(body).digest("hex").slice(-16).toUpperCase()
    })
}
