import type { Form, Part } from "./packets.ts"
import type { Seeded } from "./random.ts"
import { type Compression, type Draft, putTogether } from "./sealed.ts"

/** What is done to a message. */
export interface Mutation {
  readonly name: string
  /** Is it still a usual message afterwards, which the fast path must open by itself? */
  readonly narrow: boolean
  apply(draft: Draft, random: Seeded): Draft | Buffer
}

const FORMS: readonly Form[] = ["shortest", "two", "five", "old", "partial"]
const STRAY: readonly Part[] = [
  { tag: 10, body: Buffer.from("PGP"), form: "shortest" },
  { tag: 21, body: Buffer.alloc(7), form: "shortest" },
  { tag: 60, body: Buffer.alloc(3), form: "shortest" },
  { tag: 13, body: Buffer.from("xmpp:x@example.org"), form: "shortest" },
]

/** Text packets may be written in pieces, the others not. */
function reformed(part: Part, random: Seeded): Part {
  const form = random.pick(FORMS)
  const may = form !== "partial" || part.tag === 11
  return { ...part, form: may ? form : "five" }
}

function flipped(bytes: Buffer, random: Seeded, from = 0): Buffer {
  const copy = Buffer.from(bytes)
  for (let left = 1 + random.below(2); left > 0 && copy.length > from; left--) {
    const at = from + random.below(copy.length - from)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  }
  return copy
}

/** Moves, repeats or leaves out one, or puts a stray one in. */
function rearranged(parts: readonly Part[], random: Seeded): readonly Part[] {
  const copy = [...parts]
  const [one] = copy.splice(random.below(copy.length), 1)
  const kind = random.below(4)
  if (kind === 0) return copy
  const again = kind === 1 || one === undefined ? random.pick(STRAY) : one
  const back = kind === 3 || one === undefined ? copy : [...copy.slice(0), one]
  back.splice(random.below(back.length + 1), 0, again)
  return back
}

function changePart(parts: readonly Part[], tag: number, change: (body: Buffer) => Buffer): readonly Part[] {
  return parts.map((part) => (part.tag === tag ? { ...part, body: change(part.body) } : part))
}

/** The header of a text packet: format, file name, time. */
function relabelled(body: Buffer, random: Seeded): Buffer {
  const name = Buffer.from(random.pick(["", "a.txt", "_CONSOLE", "ünï"]))
  const text = body.subarray(2 + (body[1] ?? 0) + 4)
  const time = Buffer.alloc(4)
  time.writeUInt32BE(random.below(2 ** 31))
  return Buffer.concat([Buffer.of(0x62, name.length), name, time, text])
}

/** A subpacket more, in the part of a signature that is not signed; a signature whose lengths are broken stays as it is. */
function withUnsigned(body: Buffer, subpacket: Buffer): Buffer {
  const at = body.length < 6 ? body.length : 6 + body.readUInt16BE(4)
  if (at + 2 > body.length) return body
  const end = at + 2 + body.readUInt16BE(at)
  if (end > body.length) return body
  const length = Buffer.alloc(2)
  length.writeUInt16BE(end - at - 2 + subpacket.length)
  return Buffer.concat([body.subarray(0, at), length, body.subarray(at + 2, end), subpacket, body.subarray(end)])
}

const UNSIGNED: readonly Buffer[] = [
  // Another time, other issuers, an end, a notation: none of them may count for anything.
  Buffer.of(5, 2, 1, 2, 3, 4),
  Buffer.of(9, 16, 1, 2, 3, 4, 5, 6, 7, 8),
  Buffer.of(22, 33, 4, ...Buffer.alloc(20, 7)),
  Buffer.of(5, 3, 0, 0, 0, 1),
  Buffer.of(2, 0x80 | 100, 0),
  Buffer.of(22, 35, 4, ...Buffer.alloc(20, 9)),
]

/** Everything that is done to messages. */
export const mutations: readonly Mutation[] = [
  { name: "lengths outside", narrow: true, apply: (d, r) => ({ ...d, outer: d.outer.map((p) => reformed(p, r)) }) },
  { name: "lengths inside", narrow: true, apply: (d, r) => ({ ...d, inner: d.inner.map((p) => reformed(p, r)) }) },
  { name: "pieces", narrow: true, apply: (d) => ({ ...d, sealedForm: "partial" }) },
  {
    name: "compression",
    narrow: true,
    apply: (d, r) => ({
      ...d,
      compression: r.pick<Compression>(["none", "zip", "zlib"]),
      compressedForm: r.pick<Form>(["shortest", "five", "old", "partial", "indeterminate"]),
    }),
  },
  {
    name: "text header",
    narrow: true,
    apply: (d, r) => ({ ...d, inner: changePart(d.inner, 11, (body) => relabelled(body, r)) }),
  },
  { name: "compression twice", narrow: false, apply: (d) => ({ ...d, compression: "double" }) },
  { name: "packets outside", narrow: false, apply: (d, r) => ({ ...d, outer: rearranged(d.outer, r) }) },
  { name: "packets inside", narrow: false, apply: (d, r) => ({ ...d, inner: rearranged(d.inner, r) }) },
  { name: "bits outside", narrow: false, apply: (d, r) => flipped(putTogether(d), r) },
  { name: "bits inside", narrow: false, apply: (d, r) => putTogether(d, (inside) => flipped(inside, r)) },
  {
    name: "bits of a signature",
    narrow: false,
    apply: (d, r) => ({ ...d, inner: changePart(d.inner, r.pick([2, 4]), (body) => flipped(body, r)) }),
  },
  {
    name: "unsigned subpacket",
    narrow: false,
    apply: (d, r) => ({ ...d, inner: changePart(d.inner, 2, (body) => withUnsigned(body, r.pick(UNSIGNED))) }),
  },
  { name: "text", narrow: false, apply: (d, r) => ({ ...d, inner: changePart(d.inner, 11, (b) => flipped(b, r, 6)) }) },
  { name: "cut", narrow: false, apply: (d, r) => cut(putTogether(d), r) },
  { name: "cut inside", narrow: false, apply: (d, r) => putTogether(d, (inside) => cut(inside, r)) },
  {
    name: "more behind",
    narrow: false,
    apply: (d, r) => Buffer.concat([putTogether(d), Buffer.alloc(1 + r.below(40), r.below(256))]),
  },
]

function cut(bytes: Buffer, random: Seeded): Buffer {
  return bytes.subarray(0, random.below(bytes.length))
}
