import type { Opened } from "@aurochs/crypto"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { frameReader, frameWriter } from "../src/pool/frames.ts"
import { readCall, readValue, type UsualCall, writeCall, writeValue } from "../src/pool/usual.ts"

const numbers = fc.array(fc.nat(), { maxLength: 30 })
const bytes = fc.uint8Array({ maxLength: 12_000 })
const moment = fc.oneof(fc.constant(undefined), fc.constant(Number.NaN), fc.integer({ min: -8.64e15, max: 8.64e15 }))
const calls: fc.Arbitrary<UsualCall> = fc.record({
  call: fc.nat(),
  method: fc.constantFrom("signcrypt", "encrypt", "open"),
  abortable: fc.boolean(),
  now: moment,
  keys: numbers,
  certificates: numbers,
  bytes,
})
const fingerprint = fc.constantFrom("A".repeat(40), "0123456789ABCDEF".repeat(4), "lower", "É", "")
const opened: fc.Arbitrary<Opened> = fc.record({
  plaintext: bytes,
  encrypted: fc.boolean(),
  encryptedTo: fc.oneof(fc.constant(undefined), fingerprint),
  signatures: fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant("valid" as const),
        certificate: fingerprint,
        signedAt: fc.date({ noInvalidDate: true }),
      }),
      fc.record({ kind: fc.constant("invalid" as const) }),
      fc.record({ kind: fc.constant("unverified" as const), reason: fc.constant("unknown-key" as const) }),
    ),
    { maxLength: 3 },
  ),
})

describe("what goes between the threads", () => {
  test("calls are read as they were written", () => {
    fc.assert(
      fc.property(fc.array(calls, { maxLength: 8 }), (all) => {
        const writer = frameWriter()
        for (const one of all) writeCall(writer, one)
        const reader = frameReader(structuredClone(writer.take()))
        expect(all.map(() => readCall(reader))).toEqual(all)
        expect(reader.isDone).toBe(true)
      }),
    )
  })

  test("R15: a value is read as it was written, or goes another way: no verdict becomes another one", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(bytes, opened), { maxLength: 8 }), (all) => {
        const writer = frameWriter()
        const usual = all
          .map((value, call) => ({ call, value }))
          .filter(({ call, value }) => writeValue(writer, call, value))
        const reader = frameReader(structuredClone(writer.take()))
        expect(usual.map(() => readValue(reader))).toEqual(usual.map(({ call, value }) => ({ call, value })))
        expect(reader.isDone).toBe(true)
        for (const { value } of usual) {
          if (value instanceof Uint8Array) continue
          expect(value.signatures.every(({ kind }) => kind === "valid") && value.signatures.length < 2).toBe(true)
        }
      }),
    )
  })

  test("what is read is nobody else's", () => {
    const writer = frameWriter()
    writeValue(writer, 1, Uint8Array.of(1, 2, 3))
    const { value } = readValue(frameReader(writer.take()))
    expect((value as Uint8Array).buffer.byteLength).toBe(3)
  })
})
