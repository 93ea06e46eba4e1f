import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bodyOf, frame } from "../src/packets.ts"

const body = fc.uint8Array({ maxLength: 600 })

/** Every way RFC 9580 §4.2 has to write a length. */
const header = fc.oneof(
  fc.record({
    style: fc.constantFrom("new1", "new2", "new5", "old1", "old2", "old4"),
    body,
    tag: fc.integer({ min: 1, max: 15 }),
  }),
)

function write({ style, body: all, tag }: { style: string; body: Uint8Array; tag: number }): Uint8Array | undefined {
  const n = all.length
  const head = {
    new1: n < 192 ? [0xc0 | tag, n] : undefined,
    new2: n >= 192 ? [0xc0 | tag, ((n - 192) >> 8) + 192, (n - 192) & 255] : undefined,
    new5: [0xc0 | tag, 255, 0, 0, n >> 8, n & 255],
    old1: n < 256 ? [0x80 | (tag << 2), n] : undefined,
    old2: [0x81 | (tag << 2), n >> 8, n & 255],
    old4: [0x82 | (tag << 2), 0, 0, n >> 8, n & 255],
  }[style]
  return head === undefined ? undefined : Uint8Array.from([...head, ...all])
}

describe("frame", () => {
  it("finds every packet of a sequence, whatever its header, and covers all bytes", () => {
    fc.assert(
      fc.property(fc.array(header, { minLength: 1, maxLength: 8 }), (items) => {
        const written = items.flatMap((item) => {
          const bytes = write(item)
          return bytes === undefined ? [] : [{ ...item, bytes }]
        })
        fc.pre(written.length > 0)
        const packets = frame(Buffer.concat(written.map((one) => one.bytes)), 8)
        if (typeof packets === "string") throw new Error(packets)
        expect(packets.map((p) => [p.tag, Buffer.from(p.body)])).toEqual(
          written.map((one) => [one.tag, Buffer.from(one.body)]),
        )
        expect(packets.at(-1)?.end).toBe(written.reduce((sum, one) => sum + one.bytes.length, 0))
      }),
    )
  })

  it("puts the chunks of a body together (RFC 9580 §4.2.1.4)", () => {
    const powers = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 })
    fc.assert(
      fc.property(powers, fc.uint8Array({ maxLength: 300 }), fc.boolean(), (chunks, last, more) => {
        const pieces = chunks.map((power, i) => new Uint8Array(2 ** power).fill(i + 1))
        const end = last.length < 192 ? [last.length] : [((last.length - 192) >> 8) + 192, (last.length - 192) & 255]
        const heads = chunks.map((power) => Uint8Array.of(224 + power))
        const written = [
          Uint8Array.of(0xc0 | 18),
          ...pieces.flatMap((piece, i) => [heads[i] ?? new Uint8Array(), piece]),
          Uint8Array.from(end),
          last,
          ...(more ? [Uint8Array.of(0xc0 | 10, 1, 0)] : []),
        ]
        const bytes = Buffer.concat(written)
        const packets = frame(bytes, 4)
        if (typeof packets === "string" || packets[0] === undefined) throw new Error("not framed")
        expect(Buffer.from(bodyOf(bytes, packets[0]))).toEqual(Buffer.concat([...pieces, last]))
      }),
    )
  })

  it("never throws, and never points outside of its input", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const packets = frame(bytes, 16)
        if (typeof packets === "string") return
        let at = 0
        for (const packet of packets) {
          expect(packet.start).toBe(at)
          expect(packet.end).toBeGreaterThan(packet.start)
          at = packet.end
        }
        expect(at).toBe(bytes.length)
      }),
    )
  })

  it("joins partial lengths for data packets only", () => {
    const chunk = new Uint8Array(512)
    const data = Buffer.concat([Uint8Array.of(0xc0 | 18, 224 + 9), chunk, Uint8Array.of(3, 1, 2, 3)])
    expect(frame(data, 4)).toMatchObject([{ tag: 18, start: 0, end: data.length }])
    const key = Buffer.concat([Uint8Array.of(0xc0 | 6, 224 + 9), chunk, Uint8Array.of(3, 1, 2, 3)])
    expect(frame(key, 4)).toBe("framing")
  })

  it("lets an indeterminate length reach to the end, of data packets only", () => {
    expect(frame(Uint8Array.of(0x80 | (8 << 2) | 3, 1, 2, 3), 4)).toMatchObject([{ tag: 8, end: 4 }])
    expect(frame(Uint8Array.of(0x80 | (6 << 2) | 3, 1, 2, 3), 4)).toBe("framing")
  })

  it("stops at the limit", () => {
    const marker = Uint8Array.of(0xca, 0)
    expect(frame(Buffer.concat([marker, marker, marker]), 2)).toBe("packets")
    expect(frame(Buffer.concat([marker, marker]), 2)).toHaveLength(2)
  })
})
