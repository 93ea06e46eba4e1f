import type { Certificate } from "@aurochs/core"
import { joined, tag } from "@aurochs/crypto/packets"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { addressedTo, recipientsOf } from "../src/address.ts"
import { keysOf, narrowed, primaryOf, signerOf } from "../src/key-ids.ts"
import { packets } from "../src/packets.ts"
import { reader, utf8 } from "./programs.ts"

describe("packets", () => {
  test("any bytes are read to their end, or are none; nothing throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const read = packets(bytes)
        if (read.length > 0) expect(Buffer.from(joined(read.map((one) => one.bytes)))).toEqual(Buffer.from(bytes))
        for (const look of [recipientsOf, keysOf, primaryOf, signerOf]) look(bytes)
        narrowed(bytes, bytes, new Set())
        addressedTo(bytes, [{ keyId: "0123456789abcdef", algorithm: 18 }])
      }),
      { numRuns: 2_000 },
    )
    expect(packets(new Uint8Array())).toEqual([])
    expect(packets(utf8("-----BEGIN PGP MESSAGE-----"))).toEqual([])
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
    expect(packets(bare).map((one) => one.tag)).toEqual([6, 13, 2])
    const secret = (await reader.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array()
    expect(packets(narrowed(secret, bytes, new Set([subkey])))).toHaveLength(packets(secret).length)
    const without = packets(narrowed(secret, bytes, new Set()))
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
