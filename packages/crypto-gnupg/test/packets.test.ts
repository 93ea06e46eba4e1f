import { defaultLimits } from "@aurochs/crypto"
import { joined, writePacket } from "@aurochs/crypto/packets"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { describe, expect, it } from "vitest"
import { readEnvelope } from "../src/envelope.ts"
import { keyIdsOf } from "../src/key-ids.ts"
import { narrowed } from "../src/narrowed.ts"
import { encryptedMessage, signedMessage } from "../src/sealed.ts"
import { newestOwnSignature } from "../src/signed-at.ts"

const packet = writePacket

describe("messages", () => {
  it("A15 A27: a message that is not one, or not protected, is refused before gpg sees it", () => {
    const session = packet(1, Uint8Array.of(3, 1, 2, 3, 4, 5, 6, 7, 8, 18, 0))
    const hidden = packet(1, Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0, 18, 0))
    const data = packet(18, Uint8Array.of(1, 2, 3))
    const read = (...parts: Uint8Array[]) => readEnvelope(joined(parts), { ...defaultLimits, maxPackets: 4 })
    expect(read(session, hidden, data)).toMatchObject({
      kind: "encrypted",
      sessions: [{ keyId: "0102030405060708", algorithm: 18 }, { keyId: undefined }],
    })
    for (const bad of [
      [data, data],
      [session],
      [session, data, session],
      [session, packet(11, data)],
      [session, packet(9, data)],
      [data, Uint8Array.of(1)],
      [session, session, session, session, data],
      [Uint8Array.of(0x2d, 0x2d)],
    ]) {
      expect(() => read(...bad)).toThrow(expect.objectContaining({ code: "BAD_DATA" }))
    }
  })
})

describe("what gpg sealed", () => {
  const session = (id: number) => packet(1, Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, id, 18, 9))
  const to = (...ids: number[]) =>
    ids.map((id) => ({
      fingerprint: "",
      owner: undefined,
      bytes: Uint8Array.of(),
      keyIds: [`00000000000000${id}${id}`],
    }))
  const data = packet(18, Uint8Array.of(1, 2, 3))

  it("is taken if it is for each recipient once and nobody else", () => {
    const [one, two] = [0x11, 0x22]
    expect(encryptedMessage(joined([session(one), session(two), data]), to(2, 1))).toEqual(
      joined([session(one), session(two), data]),
    )
    for (const [message, recipients] of [
      [joined([session(one), data]), to(1, 2)],
      [joined([session(one), session(two), data]), to(1)],
      [joined([session(one), session(one), data]), to(1, 2)],
      [joined([session(one), session(one), data]), to(1)],
      [joined([session(one), packet(20, Uint8Array.of(1, 9, 2))]), to(1)],
      [joined([session(one), packet(18, Uint8Array.of(2, 9, 2))]), to(1)],
      [joined([session(one), packet(3, Uint8Array.of(4)), data]), to(1)],
      [data, to(1)],
      [Uint8Array.of(), to()],
    ] as const) {
      expect(() => encryptedMessage(message, recipients)).toThrow(/otherwise/)
    }
  })

  it("loses the session key packet of the stranger, and has to have had it", () => {
    const [stranger] = to(3)
    const [one, three] = [0x11, 0x33]
    expect(encryptedMessage(joined([session(three), session(one), data]), to(1), stranger)).toEqual(
      joined([session(one), data]),
    )
    expect(() => encryptedMessage(joined([session(one), data]), to(1), stranger)).toThrow(/otherwise/)
  })

  it("is taken as signed if it is a one-pass signature, a text and a signature", () => {
    const good = [packet(4, Uint8Array.of(3)), packet(11, Uint8Array.of(98)), packet(2, Uint8Array.of(4))]
    expect(signedMessage(joined(good))).toEqual(joined(good))
    expect(() => signedMessage(joined(good.slice(1)))).toThrow(/otherwise/)
    expect(() => signedMessage(joined([...good, ...good]))).toThrow(/otherwise/)
  })
})

describe("certificates", () => {
  const provider = openpgpjs()

  it("have the key IDs that another engine gives them, and the time of their newest signature", async () => {
    const now = new Date("2025-12-01T00:00:00Z")
    const { key } = await provider.generate({ userId: "xmpp:a@example.org" }, { now })
    const { bytes, fingerprint } = key.certificate
    const encrypts = await provider.keyFacts?.encryptionKey(bytes, { now })
    expect(keyIdsOf(bytes)).toEqual([fingerprint.slice(-16), encrypts?.key?.fingerprint.slice(-16)])
    expect(newestOwnSignature(bytes, fingerprint)).toBe(now.getTime())
    expect(newestOwnSignature(bytes, "F".repeat(40))).toBe(0)
  })

  it("are narrowed to what was decided: no revocation, no other subkey", async () => {
    const now = new Date("2025-12-01T00:00:00Z")
    const { key, revocation } = await provider.generate({ userId: "xmpp:a@example.org" }, { now })
    const { bytes } = key.certificate
    const revoked = (await provider.merge(bytes, revocation ?? Uint8Array.of())).bytes
    const [primary, subkey] = keyIdsOf(bytes)
    expect(narrowed(revoked, subkey)).toEqual(bytes)
    expect(narrowed(revoked, undefined)).toEqual(bytes)
    expect(keyIdsOf(narrowed(bytes, primary))).toEqual([primary])
    expect(narrowed(revoked, subkey).length).toBeLessThan(revoked.length)
  })
})
