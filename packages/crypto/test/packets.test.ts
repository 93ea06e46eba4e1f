import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  bodyOf,
  type Framed,
  frame,
  headerBytes,
  joined,
  looksLikePackets,
  readPackets,
  tag,
  writeHeader,
  writePacket,
  writePackets,
} from "../src/packets.ts"

const bounds = { maxPackets: 64 }
const read = (...bytes: readonly number[]) => readPackets(Uint8Array.from(bytes), bounds)
const framed = (bytes: Uint8Array, more = bounds): readonly Framed[] => {
  const all = frame(bytes, more)
  if (typeof all === "string") throw new Error(all)
  return all
}

/** Lengths on both sides of every border between two forms (RFC 9580 §4.2.1, §4.2.2). */
const lengths = [0, 1, 191, 192, 255, 256, 8_383, 8_384, 65_535, 65_536, 70_000]
const length = fc.oneof(fc.constantFrom(...lengths), fc.nat(700))
const body = length.chain((n) => fc.nat(255).map((fill) => new Uint8Array(n).map((_, i) => fill + i)))
const anyTag = fc.integer({ min: 1, max: 63 })
const oldTag = fc.integer({ min: 1, max: 15 })
const dataTag = fc.constantFrom(tag.compressed, tag.encryptedWithoutIntegrity, tag.literal, tag.encrypted, 20)

const be = (value: number, octets: number) =>
  Array.from({ length: octets }, (_, i) => (value / 256 ** (octets - 1 - i)) & 255)
const old = (type: number, content: Uint8Array, octets: 1 | 2 | 4) =>
  joined([Uint8Array.of(0x80 | (type << 2) | [1, 2, 4].indexOf(octets), ...be(content.length, octets)), content])
const five = (type: number, content: Uint8Array) =>
  joined([Uint8Array.of(0xc0 | type, 255, ...be(content.length, 4)), content])

/** In pieces of 2 to these powers as long as there is enough, then the rest. */
function inPieces(type: number, content: Uint8Array, powers: readonly number[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0xc0 | type)]
  let at = 0
  for (const power of powers) {
    if (content.length - at < 2 ** power) continue
    parts.push(Uint8Array.of(224 + power), content.subarray(at, at + 2 ** power))
    at += 2 ** power
  }
  return joined([...parts, writePacket(1, content.subarray(at)).subarray(1)])
}

/** Any packet, written in any of the ways that it may be. */
const packet = fc
  .oneof(
    fc.record({ type: anyTag, body, form: fc.constantFrom("new", "five") }),
    fc.record({ type: oldTag, body, form: fc.constantFrom("old1", "old2", "old4") }),
    fc.record({ type: dataTag, body, form: fc.constant("pieces"), powers: fc.array(fc.nat(12), { maxLength: 6 }) }),
  )
  .map((one) => ({ ...one, bytes: written(one) }))

function written(one: { type: number; body: Uint8Array; form: string; powers?: readonly number[] }): Uint8Array {
  const { type, body: content, form } = one
  if (form === "five") return five(type, content)
  if (form === "pieces") return inPieces(type, content, one.powers ?? [])
  if (form === "old1" && content.length < 256) return old(type, content, 1)
  if (form === "old2" && content.length < 65_536) return old(type, content, 2)
  return form.startsWith("old") ? old(type, content, 4) : writePacket(type, content)
}

/** They lie one behind the other, from the first byte to the last, and each has its header and its body. */
function expectWithin(bytes: Uint8Array, all: readonly Framed[]): void {
  let at = 0
  for (const one of all) {
    expect(one.start).toBe(at)
    expect(one.bodyStart).toBeGreaterThan(one.start)
    expect(one.end).toBeGreaterThanOrEqual(one.bodyStart)
    expect(bodyOf(bytes, one).length).toBeLessThanOrEqual(one.end - one.bodyStart)
    expect(one.tag).toBeGreaterThan(0)
    expect(one.tag).toBeLessThan(64)
    at = one.end
  }
  expect(at).toBe(bytes.length)
}

describe("packets", () => {
  it("what is written is read again, whatever form its length has (RFC 9580 §4.2)", () => {
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 6 }), (all) => {
        const bytes = joined(all.map((one) => one.bytes))
        const packets = readPackets(bytes, { maxPackets: all.length })
        if (typeof packets === "string") throw new Error(packets)
        expectWithin(bytes, packets)
        expect(packets.map((one) => one.tag)).toEqual(all.map((one) => one.type))
        for (const [i, one] of packets.entries()) {
          expect(isSame(one.body, all[i]?.body)).toBe(true)
          expect(isSame(one.bytes, all[i]?.bytes)).toBe(true)
        }
        // However it came, it goes out in one form.
        const again = writePackets(packets)
        expect(framed(again).every((one) => one.length === "definite")).toBe(true)
        expect(isSame(writePackets(readAll(again)), again)).toBe(true)
      }),
    )
  })

  it("a header takes the shortest form, and as many bytes as were said", () => {
    for (const n of lengths) {
      const into = new Uint8Array(8)
      expect(writeHeader(into, 1, tag.signature, n)).toBe(1 + headerBytes(n))
      expect(into[0]).toBe(0)
      const bytes = joined([into.subarray(1, 1 + headerBytes(n)), new Uint8Array(n)])
      expect(framed(bytes)).toEqual([
        { tag: 2, start: 0, bodyStart: headerBytes(n), end: bytes.length, length: "definite" },
      ])
    }
    expect([191, 192, 8_383, 8_384].map(headerBytes)).toEqual([2, 3, 3, 6])
    const largest = new Uint8Array(6)
    writeHeader(largest, 0, 11, 2 ** 32 - 1)
    expect([...largest]).toEqual([0xcb, 255, 255, 255, 255, 255])
  })

  it("no header is written that nobody could read", () => {
    const into = new Uint8Array(8)
    for (const [type, n] of [
      [0, 1],
      [64, 1],
      [-1, 1],
      [2, -1],
      [2, 2 ** 32],
      [Number.NaN, 1],
      [2, Number.NaN],
    ] as const) {
      expect(() => writeHeader(into, 0, type, n)).toThrow(RangeError)
    }
    expect(into).toEqual(new Uint8Array(8))
  })

  it("bodies are views of the input, and copies only where they came in pieces", () => {
    const bytes = joined([writePacket(2, Uint8Array.of(1, 2)), inPieces(18, Uint8Array.of(3, 4, 5), [1])])
    const [one, two] = readAll(bytes)
    bytes.fill(9)
    expect(one?.body).toEqual(Uint8Array.of(9, 9))
    expect(two?.body).toEqual(Uint8Array.of(3, 4, 5))
  })

  it("packets within packets are read on their own, and no level reaches into another", () => {
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 3 }), fc.nat(8), (all, depth) => {
        const inmost = joined(all.map((one) => one.bytes))
        let bytes = inmost
        for (let i = 0; i < depth; i++) bytes = writePacket(tag.compressed, bytes)
        for (let i = 0; i < depth; i++) {
          const packets = readPackets(bytes, { maxPackets: 1 })
          if (typeof packets === "string") throw new Error(packets)
          bytes = packets[0]?.body ?? bytes
        }
        expect(readAll(bytes).map((one) => one.tag)).toEqual(all.map((one) => one.type))
        expect(isSame(bytes, inmost)).toBe(true)
      }),
    )
  })
})

describe("what is damaged", () => {
  it("A15: every cut is refused, or ends where a packet ends", () => {
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 4 }), fc.nat(), (all, where) => {
        const bytes = joined(all.map((one) => one.bytes))
        const at = where % bytes.length
        const ends = [...all.keys()].map((i) => joined(all.slice(0, i + 1).map((one) => one.bytes)).length)
        const cut = frame(bytes.subarray(0, at), bounds)
        if (ends.includes(at)) expect(cut).toHaveLength(ends.indexOf(at) + 1)
        else expect(cut).toBe("malformed")
      }),
    )
  })

  it("A15: every byte of every header may be any other one: it is refused, or read within the input", () => {
    const certificate = joined([6, 13, 2, 14, 2].map((type, i) => old(type, new Uint8Array(50 + i).fill(0x88), 1)))
    const pieces = inPieces(18, new Uint8Array(600), [9, 5])
    for (const bytes of [certificate, pieces, joined([old(1, new Uint8Array(7), 4), five(18, new Uint8Array(300))])]) {
      for (const one of framed(bytes)) {
        for (let at = one.start; at < one.bodyStart; at++) {
          for (let value = 0; value < 256; value++) {
            const flipped = Uint8Array.from(bytes)
            flipped[at] = value
            const all = frame(flipped, bounds)
            if (typeof all === "string") expect(["malformed", "too-many"]).toContain(all)
            else expectWithin(flipped, all)
          }
        }
      }
    }
  })

  it("A17: whatever the bytes, it ends, and nothing points outside of them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const all = frame(bytes, bounds)
        if (typeof all !== "string") expectWithin(bytes, all)
        // Noise that begins like a packet gets further.
        const like = Uint8Array.from(bytes, (byte, i) => (i === 0 ? byte | 0x80 : byte))
        const more = frame(like, bounds)
        if (typeof more !== "string") expectWithin(like, more)
      }),
      { numRuns: 2_000 },
    )
  })

  it("nothing, a first bit that is none, the reserved type, and lengths beyond the end are no packets", () => {
    for (const bad of [
      [],
      [0x02, 0],
      [0x7f],
      [0xc0, 0],
      [0x80, 0],
      [0xc2],
      [0xc2, 192],
      [0xc2, 255, 0, 0, 0],
      [0xc2, 255, 255, 255, 255, 255, 1],
      [0xc2, 2, 1],
      [0x84],
      [0x85, 0],
      [0x86, 0, 0, 0],
      [0x86, 255, 255, 255, 255, 1],
      [0x84, 3, 1, 2],
      [0xd2, 0xfe, 1],
      [0xd2, 0xe0, 1],
    ]) {
      expect(read(...bad), bad.join()).toBe("malformed")
    }
    expect(read(...new TextEncoder().encode("-----BEGIN PGP MESSAGE-----"))).toBe("malformed")
    expect(looksLikePackets(Uint8Array.of(0xc2, 0))).toBe(true)
    expect([[], [0x2d], [0x7f]].some((bytes) => looksLikePackets(Uint8Array.from(bytes)))).toBe(false)
  })
})

describe("bounds", () => {
  it("partial and indeterminate lengths are for data alone, and for nothing at all where they are not wanted", () => {
    const data: readonly number[] = [8, 9, 11, 18, 20]
    for (let type = 1; type < 64; type++) {
      const pieces = inPieces(type, new Uint8Array(3), [1])
      expect(frame(pieces, bounds)).toEqual(data.includes(type) ? [expect.anything()] : "malformed")
      expect(frame(pieces, { ...bounds, lengths: "definite" })).toBe("malformed")
      if (type > 15) continue
      const open = Uint8Array.of(0x80 | (type << 2) | 3, 1, 2)
      const toTheEnd = [{ tag: type, start: 0, bodyStart: 1, end: 3, length: "indeterminate" }]
      expect(frame(open, bounds)).toEqual(data.includes(type) ? toTheEnd : "malformed")
      expect(frame(open, { ...bounds, lengths: "definite" })).toBe("malformed")
    }
    expect(frame(writePacket(6, new Uint8Array(9)), { ...bounds, lengths: "definite" })).toHaveLength(1)
  })

  it("A16: no more packets than were asked for, and a bound that is no number lets none through", () => {
    const eight = joined(Array.from({ length: 8 }, () => writePacket(tag.marker, new Uint8Array())))
    expect(frame(eight, { maxPackets: 8 })).toHaveLength(8)
    expect(frame(eight, { maxPackets: Number.POSITIVE_INFINITY })).toHaveLength(8)
    for (const maxPackets of [7, 0, -1, Number.NaN]) expect(frame(eight, { maxPackets })).toBe("too-many")
  })

  it("A16: no more pieces than were asked for", () => {
    const pieces = (n: number) => inPieces(18, new Uint8Array(n), new Array(n - 1).fill(0))
    expect(frame(pieces(5), { ...bounds, maxPieces: 5 })).toHaveLength(1)
    for (const maxPieces of [4, 1, 0, Number.NaN]) expect(frame(pieces(5), { ...bounds, maxPieces })).toBe("malformed")
    expect(frame(writePacket(18, new Uint8Array(5)), { ...bounds, maxPieces: 1 })).toHaveLength(1)
  })

  it("A16: a mebibyte in pieces of one byte is put together", () => {
    const pieces = new Uint8Array(2 ** 20)
    for (let at = 1; at < pieces.length; at += 2) pieces[at] = 224
    pieces[0] = 0xc0 | tag.encrypted
    pieces[pieces.length - 1] = 0
    const [one, ...others] = readAll(pieces)
    expect(others).toEqual([])
    expect(one?.body).toHaveLength(2 ** 19 - 1)
  })
})

function readAll(bytes: Uint8Array) {
  const packets = readPackets(bytes, bounds)
  if (typeof packets === "string") throw new Error(packets)
  return packets
}

/** Much faster than `toEqual`, for long bodies. */
function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, i) => byte === b[i])
}
