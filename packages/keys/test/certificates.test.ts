import { bareJid, fingerprint, isAurochsError } from "@aurochs/core"
import { armor } from "@aurochs/crypto/armor"
import { joined as joint, type Part, readPackets, tag, writePackets } from "@aurochs/crypto/packets"
import fc from "fast-check"
import * as pgp from "openpgp"
import { describe, expect, test } from "vitest"
import { checkUpload, foundIn } from "../src/certificates/found.ts"
import { fingerprintOf, keyIdOf, readSignature } from "../src/certificates/packets.ts"
import { gapOf, splitCertificates } from "../src/certificates/split.ts"

const juliet = bareJid("juliet@example.org")
const date = new Date("2026-11-01T00:00:00Z")

async function make(userId: string, version: 4 | 6 = 4) {
  const kind = version === 4 ? { type: "ecc", curve: "curve25519Legacy" } : { type: "curve25519" }
  const o = { ...kind, userIDs: [{ name: userId }], date, format: "object", config: { v6Keys: version === 6 } }
  const { privateKey } = await pgp.generateKey(o as Parameters<typeof pgp.generateKey>[0] & { format: "object" })
  const bytes = privateKey.toPublic().write()
  return { key: privateKey, bytes, fingerprint: fingerprint(privateKey.getFingerprint()) }
}

/** What an engine makes of it. */
async function judged(bytes: Uint8Array) {
  const key = await pgp.readKey({ binaryKey: bytes })
  const users = await key.verifyAllUsers(undefined, date)
  return {
    userIds: users.filter((user) => user.valid).map((user) => user.userID),
    canEncrypt: await key.getEncryptionKey(undefined, date).then(
      () => true,
      () => false,
    ),
    isRevoked: await key.isRevoked(undefined, undefined, date),
  }
}

const own = await make(`xmpp:${juliet}`)
const other = await make("xmpp:romeo@example.net")
const { bytes } = own

const joined = (...parts: readonly Uint8Array[]) => joint(parts)
const packet = (type: number, body: Uint8Array) => writePackets([{ tag: type, body }])
const bytesOf = (one: Part | undefined) => (one === undefined ? new Uint8Array() : writePackets([one]))
const packetsOf = (data: Uint8Array) => {
  const packets = readPackets(data, { maxPackets: 10_000 })
  return typeof packets === "string" ? [] : packets
}
const only = (data: Uint8Array) => splitCertificates(data, juliet)[0]
const refuses = (work: () => unknown) => {
  try {
    work()
    return false
  } catch (error) {
    return isAurochsError(error, "BAD_DATA")
  }
}

describe("packets", () => {
  test("a certificate is read as its packets, every byte of it", () => {
    const packets = packetsOf(bytes)
    expect(packets.map((one) => one.tag)).toEqual([
      tag.publicKey,
      tag.userId,
      tag.signature,
      tag.publicSubkey,
      tag.signature,
    ])
    expect(writePackets(packets)).toEqual(bytes)
  })

  test.each([4, 6] as const)("fingerprint and key ID of a version %i key are the engine's", async (version) => {
    const made = await make(`xmpp:${juliet}`, version)
    const [primary] = packetsOf(made.bytes)
    expect(fingerprintOf(primary?.body ?? new Uint8Array())).toBe(made.fingerprint)
    const facts = packetsOf(made.bytes).flatMap((one) => (one.tag === tag.signature ? [readSignature(one.body)] : []))
    for (const one of facts) expect(one?.issuers).toContain(made.fingerprint)
    expect(facts[0]?.createdAt).toBe(date.getTime() / 1000)
    expect(keyIdOf(made.fingerprint)).toHaveLength(16)
  })

  test("a key of version 3 has no fingerprint here, and is left out (R45)", () => {
    const old = packet(tag.publicKey, new Uint8Array([3, 0, 0, 0, 0, 0, 0, 1]))
    expect(splitCertificates(joined(old, bytes), juliet).map((one) => one.fingerprint)).toEqual([own.fingerprint])
  })

  test("whatever the bytes are, reading them ends in packets or in nothing (A19)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        readSignature(noise)
      }),
    )
  })

  test("cut or altered certificates are taken apart or refused, nothing else happens", () => {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const altered = bytes.slice()
        altered[at] = value
        for (const data of [altered, bytes.slice(0, at)]) {
          try {
            splitCertificates(data, juliet)
          } catch (error) {
            expect(isAurochsError(error, "BAD_DATA")).toBe(true)
          }
        }
      }),
    )
  })
})

test("lengths that no part of a certificate has are refused (RFC 9580 §4.2.1.4, §4.2.2)", () => {
  for (const stray of [Uint8Array.of(0xcb, 0xe1, 1, 2, 0), Uint8Array.of(0x80 | (11 << 2) | 3, 1, 2)]) {
    expect(refuses(() => splitCertificates(joined(bytes, stray), juliet))).toBe(true)
  }
})

test("what a key server sends is packets, or armored ones with whatever around them, and nothing else", () => {
  const provenance = { source: "x", binds: "nothing" } as const
  const found = (data: Uint8Array | string) => {
    const sent = typeof data === "string" ? new TextEncoder().encode(data) : data
    return foundIn(sent, juliet, provenance, () => true).map((one) => ("bytes" in one ? one.bytes : one.missing))
  }
  const one = armor("PUBLIC KEY BLOCK", bytes)
  const two = armor("PUBLIC KEY BLOCK", other.bytes)
  expect(found(bytes)).toEqual([bytes])
  expect(found(`<p>key:</p>\n${one}\n<hr>${two}`)).toEqual([bytes, only(other.bytes)?.bytes])
  for (const text of ["", "<html>No results found</html>", one.slice(0, -20), one.replaceAll("PUBLIC", "PRIVATE")]) {
    expect(
      refuses(() => found(text)),
      text,
    ).toBe(true)
  }
})

describe("a keyring is taken apart", () => {
  test("a small certificate comes out byte for byte", () => {
    expect(only(bytes)).toMatchObject({ fingerprint: own.fingerprint, bytes, userIds: [`xmpp:${juliet}`] })
  })

  test("others' signatures are left out, and the engine still accepts the rest (A19, R49)", async () => {
    const certified = await own.key.toPublic().signAllUsers([other.key], date)
    const whole = certified.write()
    expect(whole.length).toBeGreaterThan(bytes.length)
    const small = only(whole)?.bytes ?? new Uint8Array()
    expect(small.length).toBe(bytes.length)
    const info = await judged(small)
    expect(info.userIds).toEqual([`xmpp:${juliet}`])
    expect(info.canEncrypt).toBe(true)
  })

  test("20,000 foreign signatures, 2,000 forged own ones and 500 grafted User IDs: small, quick, still good (A19)", async () => {
    const [primary, userId, self, ...subkey] = packetsOf(bytes)
    const foreign = bytesOf(packetsOf(other.bytes)[2])
    const forged = (n: number) => {
      const body = (self?.body ?? new Uint8Array()).slice()
      body[body.length - 1] = n & 255
      body[body.length - 2] = n >> 8
      return packet(tag.signature, body)
    }
    const grafted = Array.from({ length: 500 }, (_, i) =>
      packet(tag.userId, new TextEncoder().encode(`xmpp:juliet@example.org x${i}`)),
    )
    const flooded = joined(
      bytesOf(primary),
      bytesOf(userId),
      bytesOf(self),
      ...Array.from({ length: 2_000 }, (_, i) => forged(i)),
      ...new Array<Uint8Array>(20_000).fill(foreign),
      ...grafted,
      ...subkey.map(bytesOf),
    )
    expect(flooded.length).toBeGreaterThan(2_000_000)
    const start = performance.now()
    const small = only(flooded)
    expect(performance.now() - start).toBeLessThan(2_000)
    expect(small?.bytes.length).toBeLessThan(4_096)
    expect(small?.userIds).toEqual([`xmpp:${juliet}`])
    const info = await judged(small?.bytes ?? new Uint8Array())
    expect(info.canEncrypt).toBe(true)
    expect(info.userIds).toEqual([`xmpp:${juliet}`])
  })

  test("of too many signatures a revocation stays (A19, A21)", async () => {
    const { publicKey: revoked } = await pgp.revokeKey({ key: own.key, date, format: "object" })
    const [primary, revocation, ...rest] = packetsOf(revoked.write())
    const noise = Array.from({ length: 50 }, (_, i) => {
      const body = (packetsOf(bytes)[2]?.body ?? new Uint8Array()).slice()
      body[body.length - 1] = i
      return packet(tag.signature, body)
    })
    const flooded = joined(bytesOf(primary), ...noise, ...[revocation, ...rest].map(bytesOf))
    expect((await judged(only(flooded)?.bytes ?? new Uint8Array())).isRevoked).toBe(true)
  })

  test("forged revocations with later dates do not push out a real one; if they might, nothing is said (A19, A21)", async () => {
    const { publicKey: revoked } = await pgp.revokeKey({ key: own.key, date, format: "object" })
    const later = new Date(date.getTime() + 86_400_000)
    const { publicKey: again } = await pgp.revokeKey({ key: own.key, date: later, format: "object" })
    const [primary, revocation, ...rest] = packetsOf(revoked.write())
    const forged = (count: number) =>
      Array.from({ length: count }, (_, i) => {
        const body = (packetsOf(again.write())[1]?.body ?? new Uint8Array()).slice()
        body[body.length - 1] = (body.at(-1) ?? 0) ^ (1 + i)
        return packet(tag.signature, body)
      })
    const with8 = joined(bytesOf(primary), ...forged(8), ...[revocation, ...rest].map(bytesOf))
    expect((await judged(only(with8)?.bytes ?? new Uint8Array())).isRevoked).toBe(true)
    expect(
      (await judged(only(joined(bytesOf(primary), ...forged(8), ...rest.map(bytesOf)))?.bytes ?? bytes)).isRevoked,
    ).toBe(false)
    const with200 = joined(bytesOf(primary), ...forged(200), ...[revocation, ...rest].map(bytesOf))
    const reduced = only(with200)
    expect(reduced && gapOf(reduced)).toBe("too-many-signatures")
    expect(foundIn(with200, juliet, { source: "hkp", binds: "nothing" }, () => true)).toMatchObject([
      { missing: own.fingerprint, because: "too-many-signatures", source: "hkp" },
    ])
  })

  test("of too many User IDs the owner's stays (A19)", async () => {
    const [primary, userId, self, ...subkey] = packetsOf(bytes)
    // Signatures that claim to be the key's own: here it is the engine that finds out.
    const many = Array.from({ length: 100 }, (_, i) =>
      joined(packet(tag.userId, new TextEncoder().encode(`u${i}@example.org`)), bytesOf(self)),
    )
    const all = joined(bytesOf(primary), ...many, bytesOf(userId), bytesOf(self), ...subkey.map(bytesOf))
    const small = only(all)
    expect(small?.userIds).toHaveLength(32)
    expect(small?.userIds).toContain(`xmpp:${juliet}`)
    const info = await judged(small?.bytes ?? new Uint8Array())
    expect(info.userIds).toEqual([`xmpp:${juliet}`])
  })

  test("a secret key is refused: what a server sends is public", () => {
    expect(refuses(() => splitCertificates(own.key.write(), juliet))).toBe(true)
  })

  test("what is too large for an engine is named, not given out (A19)", () => {
    const [primary, , self] = packetsOf(bytes)
    const long = packet(tag.userId, new TextEncoder().encode(`xmpp:${juliet} ${"x".repeat(70_000)}`))
    const large = joined(bytesOf(primary), long, bytesOf(self))
    expect(foundIn(large, juliet, { source: "hkp", binds: "nothing" }, () => true)).toEqual([
      { missing: own.fingerprint, because: "too-large", source: "hkp", candidate: true },
    ])
  })

  test("an upload is exactly the certificate that was meant, never a secret key", () => {
    checkUpload(own)
    const secret = own.key.write()
    const { fingerprint } = own
    for (const wrong of [secret, other.bytes, joined(bytes, other.bytes), new Uint8Array()]) {
      expect(refuses(() => checkUpload({ fingerprint, bytes: wrong }))).toBe(true)
    }
  })
})
