/** Packet types (RFC 9580 §5), as far as this provider looks at them itself. */
export const tag = {
  publicKeySession: 1,
  signature: 2,
  passwordSession: 3,
  onePassSignature: 4,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  compressed: 8,
  encryptedWithoutIntegrity: 9,
  marker: 10,
  literal: 11,
  trust: 12,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
  encrypted: 18,
  aeadEncrypted: 20,
  padding: 21,
} as const

/** Where one packet lies: header from `start`, end exclusive. */
export interface Framed {
  readonly tag: number
  readonly start: number
  readonly end: number
  /** The first chunk of the body: all of it unless partial lengths are used. */
  readonly body: Uint8Array
}

/** Why framing failed. */
export type Misframed = "framing" | "packets"

const MAY_BE_PARTIAL: ReadonlySet<number> = new Set([
  tag.compressed,
  tag.encryptedWithoutIntegrity,
  tag.literal,
  tag.encrypted,
  tag.aeadEncrypted,
])

/**
 * Reads the headers of a packet sequence without looking into any packet (RFC 9580 §4.2): both header formats, partial
 * lengths, and indeterminate lengths where the packet carries data.
 *
 * @param bytes binary; armored text is not a packet sequence
 * @param maxPackets stop with `"packets"` above this number
 * @returns the packets, which cover every byte of the input, or why it is none
 */
export function frame(bytes: Uint8Array, maxPackets: number): readonly Framed[] | Misframed {
  const packets: Framed[] = []
  for (let at = 0; at < bytes.length; ) {
    if (packets.length === maxPackets) return "packets"
    const packet = frameOne(bytes, at)
    if (packet === undefined) return "framing"
    packets.push(packet)
    at = packet.end
  }
  return packets.length === 0 ? "framing" : packets
}

/** The whole body of a packet, its chunks put together if partial lengths are used (RFC 9580 §4.2.1.4). */
export function bodyOf(bytes: Uint8Array, framed: Framed): Uint8Array {
  const isWhole = framed.body.byteOffset + framed.body.length === bytes.byteOffset + framed.end
  if (isWhole) return framed.body
  const joined = new Uint8Array(framed.end - framed.start)
  let used = 0
  for (let at = framed.start + 1; at < framed.end; ) {
    const length = newLength(bytes, at)
    if (length === undefined) break
    at += length.octets
    joined.set(bytes.subarray(at, at + length.value), used)
    used += length.value
    at += length.value
  }
  return joined.subarray(0, used)
}

function frameOne(bytes: Uint8Array, start: number): Framed | undefined {
  const header = bytes[start]
  if (header === undefined || (header & 0x80) === 0) return undefined
  return header & 0x40 ? newFormat(bytes, start, header & 0x3f) : oldFormat(bytes, start, header)
}

function oldFormat(bytes: Uint8Array, start: number, header: number): Framed | undefined {
  const type = (header & 0x3c) >> 2
  const lengthOctets = [1, 2, 4, 0][header & 3] ?? 0
  if (lengthOctets === 0) {
    if (!MAY_BE_PARTIAL.has(type)) return undefined
    return { tag: type, start, end: bytes.length, body: bytes.subarray(start + 1) }
  }
  return whole(bytes, start, type, start + 1 + lengthOctets, bigEndian(bytes, start + 1, lengthOctets))
}

function newFormat(bytes: Uint8Array, start: number, type: number): Framed | undefined {
  let first: Uint8Array | undefined
  for (let at = start + 1; ; ) {
    const length = newLength(bytes, at)
    if (length === undefined) return undefined
    const from = at + length.octets
    const end = from + length.value
    if (end > bytes.length) return undefined
    if (!length.partial) return { tag: type, start, end, body: first ?? bytes.subarray(from, end) }
    if (!MAY_BE_PARTIAL.has(type)) return undefined
    first ??= bytes.subarray(from, end)
    at = end
  }
}

function newLength(bytes: Uint8Array, at: number): { octets: number; value: number; partial: boolean } | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  if (first < 192) return { octets: 1, value: first, partial: false }
  if (first < 224) {
    const second = bytes[at + 1]
    return second === undefined ? undefined : { octets: 2, value: ((first - 192) << 8) + second + 192, partial: false }
  }
  if (first < 255) return { octets: 1, value: 2 ** (first & 0x1f), partial: true }
  const value = bigEndian(bytes, at + 1, 4)
  return value === undefined ? undefined : { octets: 5, value, partial: false }
}

function whole(
  bytes: Uint8Array,
  start: number,
  type: number,
  from: number,
  length: number | undefined,
): Framed | undefined {
  if (length === undefined || from + length > bytes.length) return undefined
  return { tag: type, start, end: from + length, body: bytes.subarray(from, from + length) }
}

function bigEndian(bytes: Uint8Array, at: number, octets: number): number | undefined {
  if (at + octets > bytes.length) return undefined
  let value = 0
  for (let i = 0; i < octets; i++) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}
