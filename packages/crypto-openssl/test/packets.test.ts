import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { padded, readMpi, readPackets, writeMpi } from "../src/packets.ts"

describe("packets", () => {
  it("bodies are views; in pieces they are joined, and not too many of them", () => {
    const bytes = Buffer.of(0xc2, 2, 1, 2, 0xd2, 0xe1, 3, 4, 1, 5)
    const packets = readPackets(bytes, 2) ?? []
    expect(packets).toEqual([
      { tag: 2, body: Buffer.of(1, 2) },
      { tag: 18, body: Buffer.of(3, 4, 5) },
    ])
    bytes.fill(9)
    expect(packets.map((one) => one.body)).toEqual([Buffer.of(9, 9), Buffer.of(3, 4, 5)])
    const pieces = (n: number) =>
      Buffer.concat([Buffer.of(0xd2), Buffer.alloc(2 * n, Buffer.of(0xe0, 1)), Buffer.of(0)])
    expect(readPackets(pieces(4_095), 8)?.[0]?.body).toHaveLength(4_095)
    expect(readPackets(pieces(4_096), 8)).toBeUndefined()
  })

  it("A16: no more packets than asked for, and nothing that is no packet", () => {
    const eight = Buffer.alloc(16, Buffer.of(0xc2, 0))
    expect(readPackets(eight, 8)).toHaveLength(8)
    expect(readPackets(eight, 7)).toBeUndefined()
    for (const bad of [[], [0x02, 0], [0xc2]]) expect(readPackets(Buffer.from(bad), 8)).toBeUndefined()
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
