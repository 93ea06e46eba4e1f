// The outside of OpenPGP packets (RFC 9580 §4.2), for everybody who looks at packets without an engine. No packet is
// looked into here, and nothing of it is believed.

/** Packet types (RFC 9580 §5). */
export const tag = {
  publicKeySession: 1,
  signature: 2,
  passwordSession: 3,
  onePassSignature: 4,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  compressed: 8,
  /** Symmetrically encrypted without protection against alteration. */
  encryptedWithoutIntegrity: 9,
  marker: 10,
  literal: 11,
  trust: 12,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
  /** Symmetrically encrypted and integrity protected (SEIPD), version 1 or 2. */
  encrypted: 18,
  /** GnuPG's own kind of encrypted data; in no RFC. */
  aeadEncrypted: 20,
  padding: 21,
} as const

/** Where one packet of a sequence lies: offsets in bytes, `end` exclusive. */
export interface Framed {
  /** 1 … 63 (RFC 9580 §5), known or not. */
  readonly tag: number
  /** Where its header begins. */
  readonly start: number
  /** Where its body begins, or the first piece of it. */
  readonly bodyStart: number
  readonly end: number
  /** How its length is written: once, in pieces (§4.2.1.4), or not at all (§4.2.2), so that it reaches to the end. */
  readonly length: "definite" | "partial" | "indeterminate"
}

/** A packet with its bytes. */
export interface Packet extends Framed {
  /** Header and body as they stand: a view of the input. */
  readonly bytes: Uint8Array
  /** A view of the input, or a copy where it came in pieces. */
  readonly body: Uint8Array
}

/** Why it is no packet sequence that may be read. */
export type Misframed = "malformed" | "too-many"

/** What a sequence may be like. */
export interface FrameBounds {
  /** Packets at most; `Infinity` only for what somebody else has counted already. */
  readonly maxPackets: number
  /** Pieces of one packet at most; any number if it is not given, which the size of the input bounds. */
  readonly maxPieces?: number | undefined
  /** `"definite"` refuses partial and indeterminate lengths: no part of a certificate or key has one. Default `"any"`. */
  readonly lengths?: "any" | "definite" | undefined
}

/** RFC 9580 §4.2.1.4, §4.2.2: only these may have a length that was not known beforehand. */
const STREAMED: ReadonlySet<number> = new Set([
  tag.compressed,
  tag.encryptedWithoutIntegrity,
  tag.literal,
  tag.encrypted,
  tag.aeadEncrypted,
])

/**
 * Finds the packets of a sequence by their headers (RFC 9580 §4.2): both formats, partial lengths, and indeterminate
 * lengths where the packet carries data. Takes time in proportion to the input and copies nothing. That a first piece has
 * 512 bytes at least binds who writes it (§4.2.1.4); a shorter one is read.
 *
 * @param bytes binary; armored text is no packet sequence
 * @returns the packets in their order, which cover every byte of the input and are at least one, or why it is none
 */
export function frame(bytes: Uint8Array, bounds: FrameBounds): readonly Framed[] | Misframed {
  const framed: Framed[] = []
  for (let at = 0; at < bytes.length; ) {
    // Written so that a bound that is no number lets nothing through.
    if (!(framed.length < bounds.maxPackets)) return "too-many"
    const one = frameOne(bytes, at, bounds)
    if (one === undefined) return "malformed"
    framed.push(one)
    at = one.end
  }
  return framed.length === 0 ? "malformed" : framed
}

/**
 * Reads the packets of a sequence: {@link frame}, and the bytes of each.
 *
 * @returns the packets, which cover every byte of the input and are at least one, or why it is none
 */
export function readPackets(bytes: Uint8Array, bounds: FrameBounds): readonly Packet[] | Misframed {
  const framed = frame(bytes, bounds)
  if (typeof framed === "string") return framed
  return framed.map((one) => ({ ...one, bytes: bytes.subarray(one.start, one.end), body: bodyOf(bytes, one) }))
}

/**
 * The whole body of a packet.
 *
 * @param bytes what it was found in
 * @returns a view of `bytes`; a copy only if the body came in pieces
 */
export function bodyOf(bytes: Uint8Array, framed: Framed): Uint8Array {
  if (framed.length !== "partial") return bytes.subarray(framed.bodyStart, framed.end)
  const joint = new Uint8Array(framed.end - framed.bodyStart)
  let used = 0
  for (let at = framed.start + 1; at < framed.end; ) {
    const octets = lengthOctets(bytes[at])
    const from = at + octets
    at = from + lengthAt(bytes, at, octets)
    joint.set(bytes.subarray(from, at), used)
    used += at - from
  }
  return joint.subarray(0, used)
}

/** Can this be packets at all? The first bit of every packet header is one (RFC 9580 §4.2), and text is ASCII. */
export function looksLikePackets(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & 0x80) !== 0
}

function frameOne(bytes: Uint8Array, start: number, bounds: FrameBounds): Framed | undefined {
  const header = bytes[start] ?? 0
  const isNew = (header & 0x40) !== 0
  const type = isNew ? header & 0x3f : (header >> 2) & 0x0f
  // Type 0 is reserved and "MUST NOT be used" (RFC 9580 §5).
  if ((header & 0x80) === 0 || type === 0) return undefined
  return isNew ? newFormat(bytes, start, type, bounds) : oldFormat(bytes, start, type, bounds)
}

function oldFormat(bytes: Uint8Array, start: number, type: number, bounds: FrameBounds): Framed | undefined {
  const kind = (bytes[start] ?? 0) & 3
  if (kind === 3) {
    if (!mayStream(type, bounds)) return undefined
    return { tag: type, start, bodyStart: start + 1, end: bytes.length, length: "indeterminate" }
  }
  const octets = 1 << kind
  const bodyStart = start + 1 + octets
  if (bodyStart > bytes.length) return undefined
  const end = bodyStart + bigEndian(bytes, start + 1, octets)
  return end > bytes.length ? undefined : { tag: type, start, bodyStart, end, length: "definite" }
}

function newFormat(bytes: Uint8Array, start: number, type: number, bounds: FrameBounds): Framed | undefined {
  const { maxPieces = Number.POSITIVE_INFINITY } = bounds
  let bodyStart = 0
  for (let at = start + 1, pieces = 1; ; pieces++) {
    const octets = lengthOctets(bytes[at])
    const from = at + octets
    if (from > bytes.length) return undefined
    const end = from + lengthAt(bytes, at, octets)
    if (end > bytes.length) return undefined
    if (pieces === 1) bodyStart = from
    if (!isPartial(bytes[at])) {
      return { tag: type, start, bodyStart, end, length: pieces === 1 ? "definite" : "partial" }
    }
    if (!mayStream(type, bounds) || !(pieces < maxPieces)) return undefined
    at = end
  }
}

function mayStream(type: number, { lengths }: FrameBounds): boolean {
  return lengths !== "definite" && STREAMED.has(type)
}

/** How many octets a new-format length takes, by its first one (RFC 9580 §4.2.1). */
function lengthOctets(first = 0): number {
  if (first < 192) return 1
  if (first < 224) return 2
  return first < 255 ? 1 : 5
}

function isPartial(first = 0): boolean {
  return first >= 224 && first < 255
}

/** @param octets of {@link lengthOctets}, all of which are there */
function lengthAt(bytes: Uint8Array, at: number, octets: number): number {
  const first = bytes[at] ?? 0
  if (octets === 2) return ((first - 192) << 8) + (bytes[at + 1] ?? 0) + 192
  if (octets === 5) return bigEndian(bytes, at + 1, 4)
  return isPartial(first) ? 2 ** (first & 0x1f) : first
}

function bigEndian(bytes: Uint8Array, at: number, octets: number): number {
  let value = 0
  for (let i = 0; i < octets; i++) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}

/** Largest body with a two-octet length, and largest of all (RFC 9580 §4.2.1). */
const MAX_TWO_OCTETS = 8_383
const MAX_BODY_BYTES = 2 ** 32 - 1

/** How many bytes {@link writeHeader} takes for a body of this many bytes. */
export function headerBytes(bodyLength: number): number {
  if (bodyLength < 192) return 2
  return bodyLength <= MAX_TWO_OCTETS ? 3 : 6
}

/**
 * Writes a packet header of the new format with the shortest length (RFC 9580 §4.2.1).
 *
 * @param into has room for {@link headerBytes} at `at`
 * @param type 1 … 63
 * @param bodyLength bytes of the body
 * @returns where the body begins
 * @throws {RangeError} for a type or a length that no header can have
 */
export function writeHeader(into: Uint8Array, at: number, type: number, bodyLength: number): number {
  if (!(type >= 1 && type <= 63 && bodyLength >= 0 && bodyLength <= MAX_BODY_BYTES)) {
    throw new RangeError("no OpenPGP packet is like that")
  }
  into[at] = 0xc0 | type
  if (bodyLength < 192) {
    into[at + 1] = bodyLength
    return at + 2
  }
  if (bodyLength <= MAX_TWO_OCTETS) {
    into[at + 1] = ((bodyLength - 192) >> 8) + 192
    into[at + 2] = (bodyLength - 192) & 255
    return at + 3
  }
  into[at + 1] = 255
  for (let i = 0; i < 4; i++) into[at + 2 + i] = (bodyLength >>> (24 - 8 * i)) & 255
  return at + 6
}

/** A packet to be written. */
export interface Part {
  /** 1 … 63. */
  readonly tag: number
  readonly body: Uint8Array
}

/**
 * Writes packets one after another, each with {@link writeHeader} and its body in one piece: the same bytes whoever wrote
 * them before, and in which form.
 *
 * @throws {RangeError} for a type that no header can have
 */
export function writePackets(parts: readonly Part[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { body }) => sum + headerBytes(body.length) + body.length, 0))
  let at = 0
  for (const { tag: type, body } of parts) {
    at = writeHeader(all, at, type, body.length)
    all.set(body, at)
    at += body.length
  }
  return all
}

/** One packet: {@link writePackets}. */
export function writePacket(type: number, body: Uint8Array): Uint8Array {
  return writePackets([{ tag: type, body }])
}

/** Byte strings as one, for instance the `bytes` of several packets: always a copy. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
