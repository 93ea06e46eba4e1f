/** Packet types (RFC 9580 §5) that the narrow path knows. */
export const tag = {
  publicKeySession: 1,
  signature: 2,
  onePassSignature: 4,
  secretKey: 5,
  secretSubkey: 7,
  compressed: 8,
  literal: 11,
  encrypted: 18,
} as const

/** One packet, its body in one piece. */
export interface Packet {
  readonly tag: number
  readonly body: Buffer
}

const MAY_BE_PARTIAL: ReadonlySet<number> = new Set([tag.compressed, tag.literal, tag.encrypted])

/** Pieces of one packet with partial lengths. Others send pieces of 512 bytes at least, and of the same size. */
const MAX_PIECES = 4_096

/**
 * Reads a packet sequence that covers every byte (RFC 9580 §4.2): both header formats, partial lengths, and
 * indeterminate lengths where the packet carries data.
 *
 * @param maxPackets more are not read
 * @returns undefined if it is none, or has none, or too many
 */
export function readPackets(bytes: Buffer, maxPackets: number): readonly Packet[] | undefined {
  const packets: Packet[] = []
  for (let at = 0; at < bytes.length; ) {
    if (packets.length >= maxPackets) return undefined
    const header = bytes[at] ?? 0
    if ((header & 0x80) === 0) return undefined
    const read = header & 0x40 ? readNew(bytes, at + 1, header & 0x3f) : readOld(bytes, at + 1, header)
    if (read === undefined) return undefined
    packets.push(read.packet)
    at = read.end
  }
  return packets.length === 0 ? undefined : packets
}

interface Read {
  readonly packet: Packet
  readonly end: number
}

function readOld(bytes: Buffer, at: number, header: number): Read | undefined {
  const type = (header & 0x3c) >> 2
  switch (header & 3) {
    case 0:
      return piece(bytes, type, at + 1, bytes[at])
    case 1:
      return at + 2 > bytes.length ? undefined : piece(bytes, type, at + 2, bytes.readUInt16BE(at))
    case 2:
      return at + 4 > bytes.length ? undefined : piece(bytes, type, at + 4, bytes.readUInt32BE(at))
    default:
      return MAY_BE_PARTIAL.has(type) ? piece(bytes, type, at, bytes.length - at) : undefined
  }
}

function readNew(bytes: Buffer, start: number, type: number): Read | undefined {
  const pieces: Buffer[] = []
  for (let at = start; ; ) {
    const first = bytes[at]
    if (first === undefined) return undefined
    if (first < 224 || first === 255) {
      const last = readLast(bytes, at, first, type)
      if (last === undefined || pieces.length === 0) return last
      pieces.push(last.packet.body)
      return { packet: { tag: type, body: Buffer.concat(pieces) }, end: last.end }
    }
    const length = 2 ** (first & 0x1f)
    const tooShort = pieces.length === 0 && length < 512
    if (tooShort || !MAY_BE_PARTIAL.has(type) || pieces.length === MAX_PIECES) return undefined
    const end = at + 1 + length
    if (end > bytes.length) return undefined
    pieces.push(bytes.subarray(at + 1, end))
    at = end
  }
}

function readLast(bytes: Buffer, at: number, first: number, type: number): Read | undefined {
  if (first < 192) return piece(bytes, type, at + 1, first)
  if (first < 224) {
    const second = bytes[at + 1]
    return second === undefined ? undefined : piece(bytes, type, at + 2, ((first - 192) << 8) + second + 192)
  }
  return at + 5 > bytes.length ? undefined : piece(bytes, type, at + 5, bytes.readUInt32BE(at + 1))
}

function piece(bytes: Buffer, type: number, from: number, length: number | undefined): Read | undefined {
  if (length === undefined || from + length > bytes.length) return undefined
  return { packet: { tag: type, body: bytes.subarray(from, from + length) }, end: from + length }
}

/** How many bytes a new-format header takes for a body of this length. */
export function headerBytes(length: number): number {
  if (length < 192) return 2
  return length < 8_384 ? 3 : 6
}

/**
 * Writes a new-format header (RFC 9580 §4.2.1).
 *
 * @returns where the body begins
 */
export function writeHeader(into: Buffer, at: number, type: number, length: number): number {
  into[at] = 0xc0 | type
  if (length < 192) {
    into[at + 1] = length
  } else if (length < 8_384) {
    into.writeUInt16BE(length - 192 + (192 << 8), at + 1)
  } else {
    into[at + 1] = 255
    into.writeUInt32BE(length, at + 2)
  }
  return at + headerBytes(length)
}

/** A multiprecision integer and where it ends. */
export interface Mpi {
  /** Big-endian, without leading zeros. */
  readonly value: Buffer
  readonly end: number
}

/** Reads an MPI (RFC 9580 §3.2); undefined if it is cut off or its length does not fit its first byte. */
export function readMpi(bytes: Buffer, at: number): Mpi | undefined {
  if (at + 2 > bytes.length) return undefined
  const bits = bytes.readUInt16BE(at)
  const end = at + 2 + ((bits + 7) >> 3)
  if (end > bytes.length) return undefined
  const value = bytes.subarray(at + 2, end)
  return bits === bitLength(value) ? { value, end } : undefined
}

/** Bits of a big-endian number from its first byte on; of nothing 0. */
function bitLength(value: Buffer): number {
  const first = value[0]
  return first === undefined ? 0 : value.length * 8 - Math.clz32(first) + 24
}

/**
 * Writes big-endian bytes as an MPI.
 *
 * @returns where it ends
 */
export function writeMpi(into: Buffer, at: number, bytes: Buffer): number {
  let from = 0
  while (from < bytes.length && bytes[from] === 0) from++
  const value = bytes.subarray(from)
  into.writeUInt16BE(bitLength(value), at)
  value.copy(into, at + 2)
  return at + 2 + value.length
}

/** Big-endian bytes with zeros in front, up to `length`; undefined if there are more. */
export function padded(value: Buffer, length: number): Buffer | undefined {
  if (value.length > length) return undefined
  const all = Buffer.alloc(length)
  value.copy(all, length - value.length)
  return all
}

/** The same bytes as a Buffer, without a copy. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
