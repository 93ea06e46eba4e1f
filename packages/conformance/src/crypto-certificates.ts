import type { CryptoProvider, SecretKey, UserId } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import {
  certificate,
  concat,
  EARLY,
  expectCode,
  expectVerdicts,
  first,
  fromBase64,
  inBoundedTime,
  NOW,
  newKey,
  packet,
  packets,
  secret,
  utf8,
} from "./crypto-help.ts"
import { secretFixtures } from "./fixture-keys.ts"
import { signatureFixtures } from "./fixture-messages.ts"

const BOB = "xmpp:bob@example.org"
const ALICE = "xmpp:alice@example.org"

type Name = Parameters<typeof certificate>[0]

/** On a certificate of alice the User ID of bob must have this status. */
function userId(title: string, name: Name, status: UserId["status"], now: Date = NOW): Case<CryptoProvider> {
  return {
    title,
    async run(p) {
      const { userIds } = await p.inspect(certificate(name), { now })
      expect(userIds).toContainEqual({ text: ALICE, status: "valid" })
      expect(userIds.find((one) => one.text === BOB)?.status).toBe(status)
    },
  }
}

/** What certificates say, and what may be done to them. */
export const certificateCases: readonly Case<CryptoProvider>[] = [
  {
    title: "inspect: fingerprint, User ID, dates and algorithm of a certificate of another engine",
    async run(p) {
      const bytes = certificate("alice")
      const info = await p.inspect(bytes, { now: NOW })
      expect(info.userIds).toEqual([{ text: ALICE, status: "valid" }])
      expect(info).toMatchObject({ canEncrypt: true, canSign: true, createdAt: new Date("2025-01-01T00:00:00Z") })
      expect(info.expiresAt).toBeUndefined()
      expect(info.revokedAt).toBeUndefined()
      expect(info.fingerprint).toMatch(/^[0-9A-F]{40}$/)
      expect(info.algorithm).not.toBe("")
      expect(info.bytes).toEqual(bytes)
    },
  },
  userId("A4 R17: a User ID without any signature is unsigned", "graftedUserId", "unsigned"),
  userId("A4 R17: a User ID with the self-signature of another is unsigned", "borrowedSelfSignature", "unsigned"),
  userId("A4 R17: a User ID that only others have signed is unsigned", "certifiedByOthers", "unsigned"),
  userId("A4 A21: a revoked User ID is revoked", "revokedUserId", "revoked"),
  userId("A21: before its revocation it is valid", "revokedUserId", "valid", EARLY),
  userId("A4 A21: a User ID whose signature has expired is expired", "expiredUserId", "expired"),
  userId("A21: before its expiry it is valid", "expiredUserId", "valid", EARLY),
  {
    title: "A20: a self-signature with MD5 counts for nothing",
    async run(p) {
      const info = await p.inspect(certificate("md5SelfSignature"), { now: NOW })
      expect(info.userIds.map((one) => one.status)).toEqual(["unsigned"])
      expect(info).toMatchObject({ canEncrypt: false, canSign: false })
    },
  },
  {
    title: "A21: expiry and revocation are reported at the moment that is asked for",
    async run(p) {
      const june = new Date("2025-06-01T00:00:00Z")
      const at = (name: Name, now: Date) => p.inspect(certificate(name), { now })
      expect(await at("expired", NOW)).toMatchObject({ expiresAt: june, canEncrypt: false, canSign: false })
      expect(await at("expired", EARLY)).toMatchObject({ expiresAt: june, canEncrypt: true, canSign: true })
      expect(await at("superseded", NOW)).toMatchObject({ revokedAt: june, canEncrypt: false, canSign: false })
      expect((await at("superseded", EARLY)).revokedAt).toBeUndefined()
      // Whoever has the key since it was compromised may have had it before.
      expect(await at("compromised", EARLY)).toMatchObject({ canEncrypt: false, canSign: false })
      expect((await at("compromised", EARLY)).revokedAt).toEqual(june)
      // The User IDs are judged apart from the key.
      expect((await at("expired", NOW)).userIds.map((one) => one.status)).toEqual(["valid"])
    },
  },
  {
    title: "R2: garbage, armor, a secret key and two certificates at once are no certificate",
    async run(p) {
      const two = concat(certificate("alice"), certificate("bob"))
      const armored = utf8("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n")
      const half = certificate("alice").subarray(0, 100)
      for (const bad of [utf8("junk"), new Uint8Array(), armored, fromBase64(secretFixtures.alice), two, half]) {
        await expectCode(p.inspect(bad), "BAD_DATA", { what: "certificate" })
        const as = { ...(await p.inspect(certificate("alice"))), bytes: bad }
        await expectCode(p.encrypt(utf8("x"), { recipients: [as], now: NOW }), "BAD_DATA", { what: "certificate" })
      }
    },
  },
  {
    title: "A19: more User IDs or bytes than the limits are refused",
    async run(p) {
      const users = Array.from({ length: 33 }, (_, i) => packet(13, utf8(`xmpp:user${i}@example.org`)))
      const crowded = concat(certificate("alice"), ...users)
      await expectCode(p.inspect(crowded), "BAD_DATA", { what: "certificate", limit: "maxCertificateParts" })
      const signature = packets(certificate("alice")).find((one) => one.tag === 2)?.body ?? new Uint8Array()
      const flooded = Array.from({ length: 600 }, () => packet(2, signature))
      const large = concat(certificate("alice"), ...flooded)
      await expectCode(p.inspect(large), "BAD_DATA", { what: "certificate", limit: "maxCertificateBytes" })
    },
  },
  {
    title: "A19: a flood of signatures below the limits is read in bounded time",
    async run(p) {
      const signature = packets(certificate("alice")).find((one) => one.tag === 2)?.body ?? new Uint8Array()
      const copies = Math.floor(60_000 / (signature.length + 6))
      const flooded = concat(certificate("alice"), ...Array.from({ length: copies }, () => packet(2, signature)))
      await inBoundedTime(p, async () => {
        expect((await p.inspect(flooded, { now: NOW })).canEncrypt).toBe(true)
      })
    },
  },
  {
    title: "R49: minimize keeps one User ID and the key's use, and drops the rest",
    async run(p) {
      const small = await p.minimize(certificate("certifiedByOthers"), { keepUserId: ALICE })
      const before = await p.inspect(certificate("certifiedByOthers"), { now: NOW })
      const info = await p.inspect(small.bytes, { now: NOW })
      expect(info.fingerprint).toBe(before.fingerprint)
      expect(small.fingerprint).toBe(before.fingerprint)
      expect(info.userIds).toEqual([{ text: ALICE, status: "valid" }])
      expect(info).toMatchObject({ canEncrypt: true, canSign: true })
      expect(small.bytes.length).toBeLessThan(certificate("certifiedByOthers").length)
      expect(await p.minimize(small.bytes, { keepUserId: ALICE })).toEqual(small)
    },
  },
  {
    title: "R49: minimize keeps what revokes",
    async run(p) {
      const small = await p.minimize(certificate("superseded"), { keepUserId: "xmpp:stale@example.org" })
      expect((await p.inspect(small.bytes, { now: NOW })).revokedAt).toEqual(new Date("2025-06-01T00:00:00Z"))
      const user = await p.minimize(certificate("revokedUserId"), { keepUserId: BOB })
      const { userIds } = await p.inspect(user.bytes, { now: NOW })
      expect(userIds).toEqual([{ text: BOB, status: "revoked" }])
    },
  },
  {
    title: "A4: minimize refuses a User ID that is not there or not signed",
    async run(p) {
      const call = (name: Name, keepUserId: string) => p.minimize(certificate(name), { keepUserId })
      await expectCode(call("alice", BOB), "BAD_DATA", { what: "certificate" })
      await expectCode(call("alice", "alice@example.org"), "BAD_DATA", { what: "certificate" })
      await expectCode(call("graftedUserId", BOB), "BAD_DATA", { what: "certificate" })
    },
  },
  {
    title: "merge takes a revocation over, whichever copy has it",
    async run(p) {
      const copies = [certificate("stale"), certificate("superseded")] as const
      for (const [a, b] of [copies, [copies[1], copies[0]] as const]) {
        const both = await p.merge(a, b)
        const info = await p.inspect(both.bytes, { now: NOW })
        expect(info.fingerprint).toBe(both.fingerprint)
        expect(info.revokedAt).toEqual(new Date("2025-06-01T00:00:00Z"))
      }
    },
  },
  {
    title: "merge takes User IDs and subkeys over, and gives no status to what is not signed (A4)",
    async run(p) {
      const small = await p.minimize(certificate("revokedUserId"), { keepUserId: ALICE })
      const both = await p.merge(small.bytes, certificate("revokedUserId"))
      const { userIds } = await p.inspect(both.bytes, { now: NOW })
      expect(new Set(userIds.map((one) => one.text))).toEqual(new Set([ALICE, BOB]))
      const grafted = await p.merge(certificate("alice"), certificate("graftedUserId"))
      const info = await p.inspect(grafted.bytes, { now: NOW })
      expect(info.userIds.filter((one) => one.status === "valid")).toEqual([{ text: ALICE, status: "valid" }])
      const bare = await p.merge(certificate("certifyOnly"), certificate("alice"))
      expect((await p.inspect(bare.bytes, { now: NOW })).canEncrypt).toBe(true)
    },
  },
  {
    title: "merge with itself changes nothing that counts",
    async run(p) {
      const { bytes } = (await newKey(p, "alice")).certificate
      const once = await p.merge(bytes, bytes)
      expect(await p.merge(once.bytes, bytes)).toEqual(once)
      const { bytes: _, ...info } = await p.inspect(bytes, { now: new Date() })
      expect(await p.inspect(once.bytes, { now: new Date() })).toMatchObject(info)
    },
  },
  {
    title: "merge refuses two different certificates",
    async run(p) {
      await expectCode(p.merge(certificate("alice"), certificate("bob")), "BAD_DATA", { what: "certificate" })
      await expectCode(p.merge(certificate("alice"), utf8("junk")), "BAD_DATA", { what: "certificate" })
    },
  },
  {
    title: "a revocation certificate, where one is made, revokes its own key and no other",
    async run(p) {
      const { key, revocation } = await p.generate({ userId: ALICE })
      if (revocation === undefined) unsupported("the engine makes no revocation certificates")
      expect(first(packets(revocation)).tag).toBe(2)
      const revoked = await p.merge(key.certificate.bytes, revocation)
      const info = await p.inspect(revoked.bytes)
      expect(info.revokedAt).toBeInstanceOf(Date)
      expect(info).toMatchObject({ canEncrypt: false, canSign: false })
      await expectCode(p.merge(certificate("bob"), revocation), "BAD_DATA", { what: "certificate" })
    },
  },
  {
    title: "merge gives the same in either order",
    async run(p) {
      const copies = [certificate("revokedUserId"), certificate("alice"), certificate("expiredUserId")] as const
      for (const [a, b] of [
        [copies[0], copies[1]],
        [copies[0], copies[2]],
        [certificate("stale"), certificate("compromised")],
        [certificate("supersededSubkey"), certificate("subkeyed")],
      ] as const) {
        const [one, other] = [await p.merge(a, b), await p.merge(b, a)]
        for (const now of [EARLY, NOW]) {
          const { bytes: _, userIds, ...info } = await p.inspect(one.bytes, { now })
          const { bytes: __, userIds: others, ...same } = await p.inspect(other.bytes, { now })
          expect(same).toEqual(info)
          expect(new Set(others)).toEqual(new Set(userIds))
        }
      }
    },
  },
  {
    title: "A23: merge and minimize keep what revokes a subkey, so that it still does not sign",
    async run(p) {
      const keepUserId = "xmpp:subkeyed@example.org"
      const revoked = certificate("compromisedSubkey")
      const copies = [
        await p.merge(certificate("subkeyed"), revoked),
        await p.merge(revoked, certificate("subkeyed")),
        await p.minimize(revoked, { keepUserId }),
      ]
      const signed = signatureFixtures.bySubkey
      for (const copy of copies) {
        const opened = await p.open(fromBase64(signed), { ...(await asBob(p)), verifyWith: [copy], now: NOW })
        expect(opened.signatures.filter((one) => one.kind === "valid")).toEqual([])
      }
      // The subkey itself was not lost on the way.
      const small = await p.minimize(certificate("subkeyed"), { keepUserId })
      const opened = await p.open(fromBase64(signed), { ...(await asBob(p)), verifyWith: [small], now: NOW })
      expectVerdicts(p, opened.signatures, [{ kind: "valid", certificate: small.fingerprint }])
    },
  },
  {
    title:
      "the same certificate is judged anew at every call: what one moment or one copy says is not kept for the next",
    async run(p) {
      const can = async (name: Name, now: Date) => (await p.inspect(certificate(name), { now })).canEncrypt
      const asked = [
        await can("superseded", EARLY),
        await can("superseded", NOW),
        await can("stale", NOW),
        await can("superseded", EARLY),
        await can("expired", NOW),
        await can("expired", EARLY),
      ]
      expect(asked).toEqual([true, false, true, true, false, true])
    },
  },
]

async function asBob(p: CryptoProvider): Promise<{ readonly decryptWith: readonly SecretKey[] }> {
  return { decryptWith: [await secret(p, "bob")] }
}
