import type { CryptoProvider, KeyLifecycle, SecretKey } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import { certificate, expectCode, expectVerdicts, packets, secret, utf8 } from "./crypto-help.ts"

const DAY = 86_400_000
/** Keys are made and used without a moment of their own: an engine may have no clock but the machine's. */
const NOW = new Date(Math.floor(Date.now() / 1000) * 1000)
const USER = "xmpp:a@example.org"

function lifecycleOf(p: CryptoProvider): KeyLifecycle {
  return p.lifecycle ?? unsupported("the engine does not change certificates")
}

async function newKeyOf(p: CryptoProvider, expiresInMs?: number): Promise<SecretKey> {
  return (await p.generate({ userId: USER, expiresInMs })).key
}

function signatures(bytes: Uint8Array): number {
  return packets(bytes).filter((one) => one.tag === 2).length
}

/** What a key does to its own certificate and to those of others. */
export const lifecycleCases: readonly Case<CryptoProvider>[] = [
  {
    title: "revoke: the certificate says so, and nobody encrypts to it any more",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const key = await newKeyOf(p)
      const later = new Date(NOW.getTime() + 86_400_000)
      const revoked = await lifecycle.revoke(key, { now: later, reason: "it was on a lost phone" })
      expect(revoked.fingerprint).toBe(key.certificate.fingerprint)
      const info = await p.inspect(revoked.bytes, { now: later })
      expect(info).toMatchObject({ revokedAt: later, canEncrypt: false, canSign: false })
      expect((await p.inspect(key.certificate.bytes, { now: later })).canEncrypt).toBe(true)
    },
  },
  {
    title: "revoke as superseded or retired: what was signed before still counts; as compromised it does not",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const key = await newKeyOf(p)
      const sealed = await p.signcrypt(utf8("x"), { recipients: [key.certificate], signWith: key })
      const later = new Date(NOW.getTime() + 86_400_000)
      for (const [reason, kind] of [
        ["superseded", "valid"],
        ["retired", "valid"],
        ["compromised", "unverified"],
      ] as const) {
        const revoked = await lifecycle.revoke(key, { now: later, reason })
        const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [revoked], now: later })
        expectVerdicts(p, opened.signatures, [{ kind }])
      }
    },
  },
  {
    title: "renew: the new end holds, the fingerprint stays, and old messages still count",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const day = 86_400_000
      const key = await newKeyOf(p, day)
      const sealed = await p.signcrypt(utf8("x"), { recipients: [key.certificate], signWith: key })
      const later = new Date(NOW.getTime() + 2 * day)
      const renewed = await lifecycle.renew(key, { now: later, expiresInMs: 30 * day })
      expect(renewed.certificate.fingerprint).toBe(key.certificate.fingerprint)
      const info = await p.inspect(renewed.certificate.bytes, { now: later })
      expect(info).toMatchObject({ canEncrypt: true, canSign: true })
      expect(Math.abs((info.expiresAt?.getTime() ?? 0) - later.getTime() - 30 * day)).toBeLessThan(2000)
      const small = await p.minimize(renewed.certificate.bytes, { keepUserId: "xmpp:a@example.org" })
      const opened = await p.open(sealed, { decryptWith: [renewed], verifyWith: [small], now: later })
      expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
      await key[Symbol.asyncDispose]()
      await p.signcrypt(utf8("x"), { recipients: [key.certificate], signWith: renewed })
      const forever = await lifecycle.renew(renewed, { now: later })
      expect((await p.inspect(forever.certificate.bytes, { now: later })).expiresAt).toBeUndefined()
    },
  },
  {
    title: "certify signs another's User ID, leaves what it says alone, and refuses one that is not signed",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const alice = await secret(p, "alice")
      const userId = "xmpp:bob@example.org"
      const certified = await lifecycle.certify(certificate("bob"), { signWith: alice, userId, now: NOW })
      expect(signatures(certified.bytes)).toBe(signatures(certificate("bob")) + 1)
      expect(await p.inspect(certified.bytes, { now: NOW })).toMatchObject({
        fingerprint: certified.fingerprint,
        userIds: [{ text: userId, status: "valid" }],
        canEncrypt: true,
      })
      const mallory = await secret(p, "mallory")
      const grafted = lifecycle.certify(certificate("graftedUserId"), { signWith: mallory, userId, now: NOW })
      await expectCode(grafted, "BAD_DATA", { what: "certificate" })
    },
  },
  {
    title:
      "revoke without a reason: what was signed before does not count either, and a copy without it learns it by merge",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const key = await newKeyOf(p)
      const sealed = await p.signcrypt(utf8("x"), { recipients: [key.certificate], signWith: key })
      const later = new Date(NOW.getTime() + DAY)
      const revoked = await lifecycle.revoke(key, { now: later })
      const merged = await p.merge(key.certificate.bytes, revoked.bytes)
      for (const one of [revoked, merged]) {
        const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [one], now: later })
        expectVerdicts(p, opened.signatures, [{ kind: "unverified", reason: "unusable-key", because: "revoked" }])
        const call = p.encrypt(utf8("x"), { recipients: [one], now: later })
        await expectCode(call, "NO_USABLE_KEY", { leftOut: [{ fingerprint: one.fingerprint, because: "revoked" }] })
      }
    },
  },
  {
    title: "merge of a renewed certificate and an old copy: the new end holds, in either order",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const key = await newKeyOf(p, DAY)
      const later = new Date(NOW.getTime() + 2 * DAY)
      const renewed = await lifecycle.renew(key, { now: later, expiresInMs: 30 * DAY })
      const [old, fresh] = [key.certificate.bytes, renewed.certificate.bytes]
      expect(await p.inspect(old, { now: later })).toMatchObject({ canEncrypt: false, canSign: false })
      const { expiresAt } = await p.inspect(fresh, { now: later })
      for (const both of [await p.merge(old, fresh), await p.merge(fresh, old)]) {
        const info = await p.inspect(both.bytes, { now: later })
        expect(info).toMatchObject({ expiresAt, canEncrypt: true, canSign: true })
      }
    },
  },
  {
    title: "R49: minimize keeps only the newest self-signatures of a key that was renewed, with their end",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const key = await newKeyOf(p, DAY)
      const small = await p.minimize(key.certificate.bytes, { keepUserId: USER })
      const once = await lifecycle.renew(key, { now: NOW, expiresInMs: 10 * DAY })
      const twice = await lifecycle.renew(once, { now: NOW, expiresInMs: 30 * DAY })
      expect(signatures(twice.certificate.bytes)).toBeGreaterThan(signatures(small.bytes))
      const renewed = await p.minimize(twice.certificate.bytes, { keepUserId: USER })
      expect(signatures(renewed.bytes)).toBe(signatures(small.bytes))
      const at = { now: new Date(NOW.getTime() + 20 * DAY) }
      const [before, after] = [await p.inspect(twice.certificate.bytes, at), await p.inspect(renewed.bytes, at)]
      expect(after).toMatchObject({ expiresAt: before.expiresAt, canEncrypt: true, canSign: true })
    },
  },
  {
    title: "R49: minimize as of a given time keeps the self-signature that counts then, not a later one",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const key = await newKeyOf(p, DAY)
      const later = new Date(NOW.getTime() + DAY / 2)
      const renewed = await lifecycle.renew(key, { now: later, expiresInMs: 30 * DAY })
      const end = async (now: Date) => {
        const small = await p.minimize(renewed.certificate.bytes, { keepUserId: USER, now })
        return (await p.inspect(small.bytes, { now: later })).expiresAt?.getTime() ?? 0
      }
      expect(await end(NOW)).toBeLessThan(NOW.getTime() + 2 * DAY)
      expect(await end(later)).toBeGreaterThan(NOW.getTime() + 29 * DAY)
    },
  },
  {
    title: "R49: a certification of another survives merge, whichever copy has it, and minimize drops it",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const [signWith, userId] = [await secret(p, "alice"), "xmpp:bob@example.org"]
      const plain = certificate("bob")
      const certified = await lifecycle.certify(plain, { signWith, userId, now: NOW })
      for (const both of [await p.merge(plain, certified.bytes), await p.merge(certified.bytes, plain)]) {
        expect(signatures(both.bytes)).toBe(signatures(certified.bytes))
      }
      const small = await p.minimize(certified.bytes, { keepUserId: userId })
      expect(signatures(small.bytes)).toBeLessThan(signatures(certified.bytes))
    },
  },
  {
    title: "an expired key certifies nobody, and an end that is none is CONFIGURATION",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const expired = await secret(p, "expired")
      const options = { signWith: expired, userId: "xmpp:bob@example.org", now: NOW }
      await expectCode(lifecycle.certify(certificate("bob"), options), "NO_USABLE_KEY")
      const key = await newKeyOf(p)
      await expectCode(lifecycle.renew(key, { expiresInMs: -1, now: NOW }), "CONFIGURATION", { field: "expiresInMs" })
    },
  },
]
