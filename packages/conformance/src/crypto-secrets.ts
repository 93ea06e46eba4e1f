import type { CryptoProvider, KeyLifecycle, SecretTransfer } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import {
  certificate,
  expectCode,
  expectVerdicts,
  first,
  fromBase64,
  NOW,
  newKey,
  packets,
  secret,
  TEXT,
  text,
  utf8,
} from "./crypto-help.ts"
import { secretFixtures } from "./fixture-keys.ts"
import { packagingFixtures, signatureFixtures } from "./fixture-messages.ts"

const PASSPHRASE = "correct horse"
const CODE = "TWNK-KD5Y-MT3T-E1GS-DRDB-KVTW"

function transferOf(p: CryptoProvider): SecretTransfer {
  return p.secrets ?? unsupported("secret keys do not leave this engine")
}

function lifecycleOf(p: CryptoProvider): KeyLifecycle {
  return p.lifecycle ?? unsupported("the engine does not change certificates")
}

/** Secret keys: in, out, and what they do to their certificates. */
export const secretCases: readonly Case<CryptoProvider>[] = [
  {
    title: "R40: several secret keys one after another are all read, in order",
    async run(p) {
      const keys = await p.importSecret(fromBase64(secretFixtures.twoKeys))
      const want = await Promise.all((["alice", "bob"] as const).map((name) => p.inspect(certificate(name))))
      expect(keys.map((key) => key.certificate.fingerprint)).toEqual(want.map((one) => one.fingerprint))
    },
  },
  {
    title: "a locked secret key needs its passphrase: KEY_LOCKED, bad-passphrase, then it opens",
    async run(p) {
      const bytes = fromBase64(secretFixtures.lockedBob)
      const { fingerprint } = await p.inspect(certificate("bob"))
      await expectCode(p.importSecret(bytes), "KEY_LOCKED", { fingerprint })
      for (const wrong of [utf8("Correct horse"), utf8(""), Uint8Array.of(0xff, 0xfe)]) {
        await expectCode(p.importSecret(bytes, { passphrase: wrong }), "CANNOT_DECRYPT", { because: "bad-passphrase" })
      }
      const bob = first(await p.importSecret(bytes, { passphrase: utf8(PASSPHRASE) }))
      const opened = await p.open(fromBase64(signatureFixtures.good), { decryptWith: [bob], verifyWith: [] })
      expect(text(opened.plaintext)).toBe(TEXT)
    },
  },
  {
    title: "a secret key without its primary part still decrypts, and does not sign",
    async run(p) {
      const bob = await secret(p, "withoutPrimary")
      const opened = await p.open(fromBase64(signatureFixtures.good), { decryptWith: [bob], verifyWith: [] })
      expect(text(opened.plaintext)).toBe(TEXT)
      await expectCode(p.sign(utf8("x"), { signWith: bob }), "NO_USABLE_KEY")
    },
  },
  {
    title: "the secret part of another key under a public part is BAD_DATA",
    async run(p) {
      await expectCode(p.importSecret(fromBase64(secretFixtures.swapped)), "BAD_DATA", { what: "secret-key" })
    },
  },
  {
    title: "garbage, armor and certificates are no secret key",
    async run(p) {
      const armored = utf8("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n")
      const half = fromBase64(secretFixtures.bob).subarray(0, 60)
      for (const bad of [utf8("junk"), new Uint8Array(), armored, certificate("bob"), half]) {
        await expectCode(p.importSecret(bad), "BAD_DATA", { what: "secret-key" })
      }
    },
  },
  {
    title: "A18: a secret key that asks for too much Argon2 memory is refused before any work",
    async run(p) {
      const started = performance.now()
      const call = p.importSecret(fromBase64(secretFixtures.expensiveArgon2), { passphrase: utf8(PASSPHRASE) })
      await expectCode(call, "BAD_DATA", { limit: "maxArgon2MemoryExponent" })
      expect(performance.now() - started).toBeLessThan(1000)
    },
  },
  {
    title: "A21: an expired key still opens what was sent to it",
    async run(p) {
      const { key } = await p.generate({ userId: "xmpp:a@example.org", expiresInMs: 3_600_000 }, { now: NOW })
      const sealed = await p.encrypt(utf8("old"), { recipients: [key.certificate], now: NOW })
      const now = new Date(NOW.getTime() + 86_400_000)
      expect(text((await p.open(sealed, { decryptWith: [key], verifyWith: [], now })).plaintext)).toBe("old")
    },
  },
  {
    title: "export and import again: the same key, which opens and signs as before",
    async run(p) {
      const transfer = transferOf(p)
      const alice = await newKey(p, "alice")
      const sealed = await p.encrypt(utf8("x"), { recipients: [alice.certificate] })
      for (const passphrase of ["none", utf8(PASSPHRASE)] as const) {
        const bytes = await transfer.export(alice, { passphrase })
        const again = first(await p.importSecret(bytes, passphrase === "none" ? {} : { passphrase }))
        expect(again.certificate).toEqual(alice.certificate)
        const opened = await p.open(sealed, { decryptWith: [again], verifyWith: [] })
        expect(text(opened.plaintext)).toBe("x")
        if (passphrase !== "none") await expectCode(p.importSecret(bytes), "KEY_LOCKED")
      }
    },
  },
  {
    title: "R41: exported without a passphrase, the S2K usage octet of every packet is zero",
    async run(p) {
      const alice = await newKey(p, "alice")
      const exported = packets(await transferOf(p).export(alice, { passphrase: "none" }))
      const secrets = exported.filter((one) => one.tag === 5 || one.tag === 7)
      const publics = packets(alice.certificate.bytes).filter((one) => one.tag === 6 || one.tag === 14)
      expect(secrets).toHaveLength(publics.length)
      for (const [i, { body }] of secrets.entries()) {
        const open = publics[i]?.body ?? new Uint8Array()
        expect(body.subarray(0, open.length)).toEqual(open)
        expect(body[open.length]).toBe(0)
      }
    },
  },
  {
    title: "R44: a password opens what it closed, with a password session key and integrity protection",
    async run(p) {
      const transfer = transferOf(p)
      const sealed = await transfer.encryptWithPassword(utf8("backup"), { password: CODE })
      expect(packets(sealed).map((one) => one.tag)).toEqual([3, 18])
      expect(text(await transfer.decryptWithPassword(sealed, { password: CODE }))).toBe("backup")
    },
  },
  {
    title: "R43: the password is taken verbatim: case and dashes count",
    async run(p) {
      const transfer = transferOf(p)
      const sealed = await transfer.encryptWithPassword(utf8("backup"), { password: CODE })
      for (const password of [CODE.toLowerCase(), CODE.replaceAll("-", ""), ` ${CODE}`]) {
        const call = transfer.decryptWithPassword(sealed, { password })
        await expectCode(call, "CANNOT_DECRYPT", { because: "bad-passphrase" })
      }
      // What another engine closed with the same code.
      const foreign = await transfer.decryptWithPassword(fromBase64(packagingFixtures.passwordOnly), { password: CODE })
      expect(text(foreign)).toBe(TEXT)
    },
  },
  {
    title: "A18: a password message that asks for too much Argon2 memory is refused before any work",
    async run(p) {
      const bytes = fromBase64(packagingFixtures.expensivePassword)
      const call = transferOf(p).decryptWithPassword(bytes, { password: CODE })
      await expectCode(call, "BAD_DATA", { limit: "maxArgon2MemoryExponent" })
    },
  },
  {
    title: "revoke: the certificate says so, and nobody encrypts to it any more",
    async run(p) {
      const lifecycle = lifecycleOf(p)
      const { key } = await p.generate({ userId: "xmpp:a@example.org" }, { now: NOW })
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
      const { key } = await p.generate({ userId: "xmpp:a@example.org" }, { now: NOW })
      const sealed = await p.signcrypt(utf8("x"), { recipients: [key.certificate], signWith: key, now: NOW })
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
      const { key } = await p.generate({ userId: "xmpp:a@example.org", expiresInMs: day }, { now: NOW })
      const sealed = await p.signcrypt(utf8("x"), { recipients: [key.certificate], signWith: key, now: NOW })
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
      await p.sign(utf8("x"), { signWith: renewed, now: later })
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
      const signatures = (bytes: Uint8Array) => packets(bytes).filter((one) => one.tag === 2).length
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
]
