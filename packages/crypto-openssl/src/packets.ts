import { bodyOf, frame } from "@aurochs/crypto/packets"

/** One packet, its body in one piece. */
export interface Packet {
  readonly tag: number
  readonly body: Buffer
}

/** Pieces of one packet with partial lengths. Others send pieces of 512 bytes at least, and of the same size. */
const MAX_PIECES = 4_096

/**
 * Reads a packet sequence that covers every byte (RFC 9580 §4.2).
 *
 * @param maxPackets more are not read
 * @returns views of `bytes` where no body came in pieces; undefined if it is no such sequence, or has too many of anything
 */
export function readPackets(bytes: Buffer, maxPackets: number): readonly Packet[] | undefined {
  const framed = frame(bytes, { maxPackets, maxPieces: MAX_PIECES })
  if (typeof framed === "string") return undefined
  return framed.map((one) => ({
    tag: one.tag,
    body: one.length === "partial" ? view(bodyOf(bytes, one)) : bytes.subarray(one.bodyStart, one.end),
  }))
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
