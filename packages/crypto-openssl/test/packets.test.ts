import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { padded, readMpi, readPackets, writeHeader, writeMpi } from "../src/packets.ts"

const read = (...bytes: number[]) => readPackets(Buffer.from(bytes), 8)

describe("packets", () => {
  it("what is written is read", () => {
    fc.assert(
      fc.property(fc.nat(60), fc.constantFrom(0, 1, 191, 192, 8_383, 8_384, 70_000), (tag, length) => {
        const bytes = Buffer.alloc(length + 6, 7)
        const start = writeHeader(bytes, 0, tag, length)
        expect(readPackets(bytes.subarray(0, start + length), 8)).toEqual([{ tag, body: Buffer.alloc(length, 7) }])
        expect(readPackets(bytes.subarray(0, start + length - 1), 8)).toBeUndefined()
      }),
    )
  })

  it("old headers, and indeterminate lengths where there is data", () => {
    expect(read(0x84, 2, 1, 2)).toEqual([{ tag: 1, body: Buffer.of(1, 2) }])
    expect(read(0x85, 0, 2, 1, 2)).toEqual([{ tag: 1, body: Buffer.of(1, 2) }])
    expect(read(0x86, 0, 0, 0, 2, 1, 2)).toEqual([{ tag: 1, body: Buffer.of(1, 2) }])
    expect(read(0x87, 1, 2)).toBeUndefined()
    expect(read(0xa3, 1, 2)).toEqual([{ tag: 8, body: Buffer.of(1, 2) }])
    for (const cut of [[0x84], [0x85, 0], [0x86, 0, 0, 0], [0x84, 3, 1, 2]]) expect(read(...cut)).toBeUndefined()
  })

  it("pieces: only of data, the first of 512 bytes at least, and not too many", () => {
    const piece = [0xe9, ...Buffer.alloc(512, 1)]
    expect(read(0xd2, ...piece, ...piece, 1, 2)).toEqual([
      { tag: 18, body: Buffer.concat([Buffer.alloc(1_024, 1), Buffer.of(2)]) },
    ])
    expect(read(0xd2, ...piece)).toBeUndefined()
    expect(read(0xc2, ...piece, 1, 2)).toBeUndefined()
    expect(read(0xd2, 0xe8, ...Buffer.alloc(256), 1, 2)).toBeUndefined()
    const many = Buffer.concat([Buffer.of(0xd2, ...piece), Buffer.alloc(2 * 5_000, Buffer.of(0xe0, 1)), Buffer.of(0)])
    expect(readPackets(many, 8)).toBeUndefined()
  })

  it("A16: no more packets than asked for, and nothing that is no packet", () => {
    const eight = Buffer.alloc(16, Buffer.of(0xc2, 0))
    expect(readPackets(eight, 8)).toHaveLength(8)
    expect(readPackets(eight, 7)).toBeUndefined()
    for (const bad of [[], [0x02, 0], [0x7f], [0xc2], [0xc2, 255, 0, 0], [0xc2, 192]])
      expect(read(...bad)).toBeUndefined()
  })

  it("never fails otherwise, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const packets = readPackets(Buffer.from(bytes), 64)
        expect((packets ?? []).reduce((sum, { body }) => sum + body.length, 0)).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe("integers", () => {
  it("what is written is read, without its leading zeros", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(32), (bytes, zeros) => {
        const number = Buffer.from(bytes).fill(0, 0, zeros)
        const into = Buffer.alloc(40)
        const end = writeMpi(into, 1, number)
        const mpi = readMpi(into.subarray(0, end), 1)
        expect(mpi?.end).toBe(end)
        expect(mpi && padded(mpi.value, 32)).toEqual(number)
        expect(readMpi(into.subarray(0, end - 1), 1)).toBeUndefined()
      }),
    )
  })

  it("a length that does not fit the first byte, or more bytes than there may be, are none", () => {
    expect(readMpi(Buffer.of(0, 8, 0x80), 0)?.value).toEqual(Buffer.of(0x80))
    for (const bad of [[0, 8, 0x7f], [0, 7, 0x80], [0, 1, 0], [0, 9, 0, 0x80], [0, 16, 1], [0]]) {
      expect(readMpi(Buffer.from(bad), 0)).toBeUndefined()
    }
    expect(padded(Buffer.alloc(33, 1), 32)).toBeUndefined()
  })
})
