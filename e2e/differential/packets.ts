// Packets as a test needs them: read leniently, and written in every form that RFC 9580 §4.2 allows. Written apart from
// the engine, so that a mistake there is not a mistake here.

/** How the length of a packet is written. */
export type Form = "shortest" | "two" | "five" | "old" | "partial" | "indeterminate"

/** One packet to be written. */
export interface Part {
  readonly tag: number
  readonly body: Buffer
  readonly form: Form
}

/** Reads packets with definite, partial and indeterminate lengths. */
export function readParts(bytes: Buffer): Part[] {
  const parts: Part[] = []
  for (let at = 0; at < bytes.length; ) {
    const header = bytes.readUInt8(at)
    if ((header & 0x40) === 0) {
      const tag = (header >> 2) & 15
      const octets = [1, 2, 4, 0][header & 3] ?? 0
      const from = at + 1 + octets
      const length = octets === 0 ? bytes.length - from : bytes.readUIntBE(at + 1, octets)
      parts.push({ tag, body: bytes.subarray(from, from + length), form: "shortest" })
      at = from + length
      continue
    }
    const pieces: Buffer[] = []
    for (at++; ; ) {
      const first = bytes.readUInt8(at)
      const partial = first >= 224 && first < 255
      const [octets, length] =
        first < 192
          ? [1, first]
          : first < 224
            ? [2, ((first - 192) << 8) + bytes.readUInt8(at + 1) + 192]
            : partial
              ? [1, 2 ** (first & 31)]
              : [5, bytes.readUInt32BE(at + 1)]
      pieces.push(bytes.subarray(at + octets, at + octets + length))
      at += octets + length
      if (!partial) break
    }
    parts.push({ tag: header & 63, body: Buffer.concat(pieces), form: "shortest" })
  }
  return parts
}

/** Writes packets; a form that the packet cannot have becomes the shortest one. */
export function writeParts(parts: readonly Part[]): Buffer {
  return Buffer.concat(parts.map(writePart))
}

function writePart({ tag, body, form }: Part): Buffer {
  if ((form === "old" || form === "indeterminate") && tag < 16) return Buffer.concat([oldHeader(tag, body, form), body])
  const header = Buffer.of(0xc0 | tag)
  if (form === "partial" && body.length >= 512) return Buffer.concat([header, ...pieces(body)])
  return Buffer.concat([header, newLength(body.length, form), body])
}

function oldHeader(tag: number, body: Buffer, form: Form): Buffer {
  if (form === "indeterminate") return Buffer.of(0x80 | (tag << 2) | 3)
  if (body.length < 256) return Buffer.of(0x80 | (tag << 2), body.length)
  const header = Buffer.of(0x80 | (tag << 2) | 2, 0, 0, 0, 0)
  header.writeUInt32BE(body.length, 1)
  return header
}

function newLength(length: number, form: Form): Buffer {
  if (length < 192 && form !== "five" && form !== "two") return Buffer.of(length)
  if (length >= 192 && length < 8_384 && form !== "five") {
    return Buffer.of(((length - 192) >> 8) + 192, (length - 192) & 255)
  }
  const five = Buffer.of(255, 0, 0, 0, 0)
  five.writeUInt32BE(length, 1)
  return five
}

/** Pieces of 512 bytes, as many as fit, and the rest. */
function pieces(body: Buffer): Buffer[] {
  const all: Buffer[] = []
  let at = 0
  for (; body.length - at >= 512; at += 512) all.push(Buffer.of(224 + 9), body.subarray(at, at + 512))
  const rest = body.subarray(at)
  return [...all, newLength(rest.length, "shortest"), rest]
}
