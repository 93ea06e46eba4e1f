import type { Certificate } from "@aurochs/core"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { addressedTo, recipientsOf } from "../src/address.ts"
import { keysOf, narrowed, primaryOf, signerOf } from "../src/key-ids.ts"
import { joined, packets, tag, written } from "../src/packets.ts"
import { reader, utf8 } from "./programs.ts"

const body = fc.uint8Array({ maxLength: 600 })
const type = fc.integer({ min: 1, max: 63 })

/** A body in parts of 2 to the power of `exponent` octets, and a last one (RFC 9580 §4.2.1.4). */
function inParts(tagOf: number, bytes: Uint8Array, exponent: number): Uint8Array {
  const size = 2 ** exponent
  const parts: Uint8Array[] = [Uint8Array.of(0xc0 | tagOf)]
  let at = 0
  for (; bytes.length - at > size; at += size) parts.push(Uint8Array.of(224 + exponent), bytes.subarray(at, at + size))
  const rest = bytes.subarray(at)
  return joined([...parts, Uint8Array.of(0xff, 0, 0, rest.length >> 8, rest.length & 255), rest])
}

/** A packet with a header of the old format and a two-octet length. */
function old(tagOf: number, bytes: Uint8Array): Uint8Array {
  return joined([Uint8Array.of(0x81 | (tagOf << 2), bytes.length >> 8, bytes.length & 255), bytes])
}

describe("packets", () => {
  test("whatever the lengths are written like, the bodies are read", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(type, body, fc.integer({ min: 0, max: 9 })), { minLength: 1 }), (all) => {
        const whole = joined(
          all.map(([tagOf, bytes, how]) => {
            if (how === 0) return written(tagOf, bytes)
            return how === 1 && tagOf < 16 ? old(tagOf, bytes) : inParts(tagOf, bytes, how)
          }),
        )
        const read = packets(whole) ?? []
        expect(read.map((one) => one.tag)).toEqual(all.map(([tagOf]) => tagOf))
        expect(read.map((one) => Buffer.from(one.body))).toEqual(all.map(([, bytes]) => Buffer.from(bytes)))
        expect(Buffer.from(joined(read.map((one) => one.bytes)))).toEqual(Buffer.from(whole))
      }),
    )
  })

  test("one and two octets of length: 191, 192 and 8,383", () => {
    for (const [header, length] of [
      [[191], 191],
      [[192, 0], 192],
      [[223, 255], 8383],
    ] as const) {
      const bytes = joined([Uint8Array.of(0xc0 | 11, ...header), new Uint8Array(length)])
      expect(packets(bytes)).toMatchObject([{ tag: 11, body: { length } }])
      expect(packets(bytes.subarray(0, -1))).toBeUndefined()
    }
  })

  test("any bytes are read to their end, or are none; nothing throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const read = packets(bytes)
        if (read !== undefined) expect(Buffer.from(joined(read.map((one) => one.bytes)))).toEqual(Buffer.from(bytes))
        for (const look of [recipientsOf, keysOf, primaryOf, signerOf]) look(bytes)
        narrowed(bytes, bytes, new Set())
        addressedTo(bytes, [{ keyId: "0123456789abcdef", algorithm: 18 }])
      }),
      { numRuns: 2_000 },
    )
    expect(packets(new Uint8Array())).toBeUndefined()
    expect(packets(utf8("-----BEGIN PGP MESSAGE-----"))).toBeUndefined()
  })
})

describe("keys", async () => {
  const { key } = await reader.generate({ userId: "xmpp:alice@example.org" })
  const { bytes, fingerprint }: Certificate = key.certificate

  test("key IDs and fingerprint are those of the certificate, also of version 6", async () => {
    expect(primaryOf(bytes)).toBe(fingerprint.toLowerCase())
    expect(keysOf(bytes).map((one) => one.algorithm)).toEqual([22, 18])
    expect(keysOf(bytes)[0]?.keyId).toBe(fingerprint.toLowerCase().slice(-16))
    const six = (await reader.generate({ userId: "xmpp:six@example.org", version: 6 })).key.certificate
    expect(primaryOf(six.bytes)).toBe(six.fingerprint.toLowerCase())
    expect(keysOf(six.bytes)[0]?.keyId).toBe(six.fingerprint.toLowerCase().slice(0, 16))
  })

  test("narrowed: only the subkeys that are named are left, of secret keys too, and nothing else is touched", async () => {
    const subkey = keysOf(bytes)[1]?.keyId ?? ""
    expect(Buffer.from(narrowed(bytes, bytes, new Set([subkey])))).toEqual(Buffer.from(bytes))
    const bare = narrowed(bytes, bytes, new Set())
    expect((packets(bare) ?? []).map((one) => one.tag)).toEqual([6, 13, 2])
    const secret = (await reader.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
    expect(packets(narrowed(secret, bytes, new Set([subkey])))).toHaveLength(packets(secret)?.length ?? 0)
    const without = packets(narrowed(secret, bytes, new Set())) ?? []
    expect(without.map((one) => one.tag)).toEqual([tag.secretKey, 13, 2])
  })

  test("A29: a message for others is for none of our keys; a hidden one is marked, and the caller's bytes stay", async () => {
    const other = (await reader.generate({ userId: "xmpp:bob@example.org" })).key.certificate
    const message = Buffer.from(await reader.encrypt(utf8("x"), { recipients: [other] }))
    expect(addressedTo(message, keysOf(bytes))).toEqual([])
    expect(addressedTo(message, keysOf(other.bytes)).map((one) => Buffer.from(one))).toEqual([message])
    const hidden = Buffer.from(message)
    hidden.fill(0, 3, 11)
    const copy = Buffer.from(hidden)
    expect(recipientsOf(hidden)).toEqual([undefined])
    const marked = addressedTo(hidden, keysOf(bytes))
    expect(marked.map((one) => recipientsOf(one))).toEqual([[keysOf(bytes)[1]?.keyId]])
    expect(hidden).toEqual(copy)
  })
})
