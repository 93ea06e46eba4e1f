/** Packet types (RFC 9580 §5), as far as this provider looks at them itself. */
export const tag = {
  publicKeySession: 1,
  signature: 2,
  passwordSession: 3,
  onePassSignature: 4,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  literal: 11,
  publicSubkey: 14,
  encrypted: 18,
} as const

/** One packet. */
export interface Packet {
  readonly tag: number
  /** Header and body as they stand. */
  readonly bytes: Uint8Array
  /** The body, its parts joined. */
  readonly body: Uint8Array
  /** Was it written in partial lengths (RFC 9580 §4.2.1.4)? */
  readonly partial: boolean
}

/**
 * Reads a packet sequence (RFC 9580 §4.2): both header formats, partial and indeterminate lengths. What is malicious was
 * refused before, by the certificate reader; this only has to end and to stay within the input.
 *
 * @returns the packets, which cover every byte of the input; undefined if it is no such sequence, armored text for one
 */
export function packets(bytes: Uint8Array): readonly Packet[] | undefined {
  const found: Packet[] = []
  for (let at = 0; at < bytes.length; ) {
    const packet = packetAt(bytes, at)
    if (packet === undefined) return undefined
    found.push(packet)
    at += packet.bytes.length
  }
  return found.length === 0 ? undefined : found
}

/** A packet with a header of the new format and one length. */
export function written(type: number, body: Uint8Array): Uint8Array {
  const header = new Uint8Array(6)
  header.set([0xc0 | type, 0xff])
  new DataView(header.buffer).setUint32(2, body.length)
  return joined([header, body])
}

/** The parts one after another. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function packetAt(bytes: Uint8Array, start: number): Packet | undefined {
  const header = bytes[start] ?? 0
  if ((header & 0x80) === 0) return undefined
  if ((header & 0x40) === 0) return oldFormat(bytes, start, header)
  const parts: Uint8Array[] = []
  for (let at = start + 1; ; ) {
    const length = newLength(bytes, at)
    if (length === undefined || length.end > bytes.length) return undefined
    parts.push(bytes.subarray(length.from, length.end))
    at = length.end
    if (length.partial) continue
    const [only] = parts
    const body = only !== undefined && parts.length === 1 ? only : joined(parts)
    return { tag: header & 0x3f, bytes: bytes.subarray(start, at), body, partial: parts.length > 1 }
  }
}

function oldFormat(bytes: Uint8Array, start: number, header: number): Packet | undefined {
  const octets = [1, 2, 4, 0][header & 3] ?? 0
  const from = start + 1 + octets
  const length = octets === 0 ? bytes.length - from : bigEndian(bytes, start + 1, octets)
  if (length === undefined || from + length > bytes.length) return undefined
  const end = from + length
  const body = bytes.subarray(from, end)
  return { tag: (header & 0x3c) >> 2, bytes: bytes.subarray(start, end), body, partial: octets === 0 }
}

function newLength(bytes: Uint8Array, at: number): { from: number; end: number; partial: boolean } | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  if (first >= 224 && first < 255) {
    return { from: at + 1, end: at + 1 + 2 ** (first & 0x1f), partial: true }
  }
  const octets = first < 192 ? 1 : first < 224 ? 2 : 5
  const length = octets === 5 ? bigEndian(bytes, at + 1, 4) : bigEndian(bytes, at, octets)
  if (length === undefined) return undefined
  const from = at + octets
  // Two octets: 192 … 8,383 (RFC 9580 §4.2.1.2).
  return { from, end: from + (octets === 2 ? length - 0xc000 + 192 : length), partial: false }
}

function bigEndian(bytes: Uint8Array, at: number, octets: number): number | undefined {
  if (at + octets > bytes.length) return undefined
  let value = 0
  for (let i = 0; i < octets; i++) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}
