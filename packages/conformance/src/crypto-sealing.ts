import { bareJid, isAurochsError } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import {
  aliceUnder,
  broken,
  certificate,
  EARLY,
  expectCode,
  expectVerdicts,
  failure,
  first,
  NOW,
  newKey,
  packets,
  secret,
  text,
  unusable,
  utf8,
} from "./crypto-help.ts"

const PUBLIC_KEY_SESSION = 1
const ENCRYPTED = 18

/** In March this certificate was good, and so was the secret key; by now it is not. */
function asItWasThen(title: string, name: "expired" | "superseded", by: "expired" | "stale"): Case<CryptoProvider> {
  return {
    title,
    async run(p) {
      const then = await p.inspect(certificate(name), { now: EARLY })
      expect(then).toMatchObject({ canEncrypt: true, canSign: true })
      const signWith = await secret(p, by)
      const sealed = await p.signcrypt(utf8("x"), { recipients: [then], signWith, now: EARLY })
      for (const now of [EARLY, NOW]) {
        const opened = await p.open(sealed, { decryptWith: [signWith], verifyWith: [then], now })
        expectVerdicts(p, opened.signatures, [{ kind: "valid", certificate: then.fingerprint }])
      }
    },
  }
}

/** Making keys and sealing. */
export const sealingCases: readonly Case<CryptoProvider>[] = [
  {
    title: "R3 I7: signcrypt to two recipients: each reads the same bytes under one valid signature",
    async run(p) {
      const [alice, bob, carol] = [await newKey(p, "alice"), await newKey(p, "bob"), await newKey(p, "carol")]
      const recipients = [bob.certificate, carol.certificate]
      const sealed = await p.signcrypt(utf8("hello ☃"), { recipients, signWith: alice })
      for (const who of [bob, carol]) {
        const opened = await p.open(sealed, { decryptWith: [who], verifyWith: [alice.certificate] })
        expect(text(opened.plaintext)).toBe("hello ☃")
        expect(opened.encrypted).toBe(true)
        expect(opened.encryptedTo ?? who.certificate.fingerprint).toBe(who.certificate.fingerprint)
        expectVerdicts(p, opened.signatures, [{ kind: "valid", certificate: alice.certificate.fingerprint }])
      }
    },
  },
  {
    title: "every byte of the text survives, line endings, NUL and bytes that are no UTF-8 included",
    async run(p) {
      const alice = await newKey(p, "alice")
      const all = Uint8Array.from({ length: 1024 }, (_, i) => (i < 256 ? i : [13, 10, 10, 13][i % 4]) ?? 0)
      for (const plaintext of [all, new Uint8Array()]) {
        const sealed = await p.signcrypt(plaintext, { recipients: [alice.certificate], signWith: alice })
        const opened = await p.open(sealed, { decryptWith: [alice], verifyWith: [alice.certificate] })
        expect(opened.plaintext).toEqual(plaintext)
        expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
      }
    },
  },
  {
    title: "R2 R21 I8: binary: one session key for each recipient, then one SEIPDv1 packet",
    async run(p) {
      const [alice, bob] = [await newKey(p, "alice"), await newKey(p, "bob")]
      const recipients = [alice.certificate, bob.certificate]
      const sealed = await p.signcrypt(utf8("x"), { recipients, signWith: alice })
      const outside = packets(sealed)
      expect(outside.map((one) => one.tag)).toEqual([PUBLIC_KEY_SESSION, PUBLIC_KEY_SESSION, ENCRYPTED])
      expect(outside.at(-1)?.body[0]).toBe(1)
      expect(packets(alice.certificate.bytes)[0]?.tag).toBe(6)
    },
  },
  {
    title: "R53: a new key has exactly the User ID that was asked for, never expires, signs and is encrypted to",
    async run(p) {
      const { key } = await p.generate({ userId: "xmpp:juliet@example.org" })
      const info = await p.inspect(key.certificate.bytes)
      expect(info.userIds).toEqual([{ text: "xmpp:juliet@example.org", status: "valid" }])
      expect(info).toMatchObject({ canEncrypt: true, canSign: true })
      expect([info.expiresAt, info.revokedAt]).toEqual([undefined, undefined])
      expect(info.fingerprint).toBe(key.certificate.fingerprint)
      expect(info.fingerprint).toMatch(/^[0-9A-F]{40}$/)
    },
  },
  {
    title: "a new key expires when it was asked to, to the second",
    async run(p) {
      const { key } = await p.generate({ userId: "xmpp:a@example.org", expiresInMs: 86_400_000 }, { now: NOW })
      const { expiresAt, createdAt } = await p.inspect(key.certificate.bytes, { now: NOW })
      expect(Math.abs(createdAt.getTime() - NOW.getTime())).toBeLessThanOrEqual(1000)
      expect(expiresAt?.getTime()).toBe(createdAt.getTime() + 86_400_000)
      const later = { now: new Date(NOW.getTime() + 2 * 86_400_000) }
      expect(await p.inspect(key.certificate.bytes, later)).toMatchObject({ canEncrypt: false, canSign: false })
    },
  },
  {
    title: "a v6 key, where there are any, has a fingerprint of 64 digits and works like another",
    async run(p) {
      const made = await p.generate({ userId: "xmpp:v6@example.org", version: 6 }).catch((error: unknown) => error)
      if (!isGenerated(made)) {
        await expectCode(Promise.reject(made), "UNSUPPORTED")
        return unsupported("the engine makes no v6 keys")
      }
      const { key } = made
      expect(key.certificate.fingerprint).toMatch(/^[0-9A-F]{64}$/)
      const sealed = await p.signcrypt(utf8("six"), { recipients: [key.certificate], signWith: key })
      const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [key.certificate] })
      expect(text(opened.plaintext)).toBe("six")
      expectVerdicts(p, opened.signatures, [{ kind: "valid", certificate: key.certificate.fingerprint }])
    },
  },
  {
    title: "I8 A21: one unusable recipient refuses the whole message, named with its owner and reason",
    async run(p) {
      const alice = await secret(p, "alice")
      const good = await p.inspect(certificate("bob"))
      const cases = [
        ["expired", "expired"],
        ["expiredEncryption", "expired"],
        ["revokedEncryption", "revoked"],
        ["compromised", "revoked"],
        ["superseded", "revoked"],
      ] as const
      for (const [name, because] of cases) {
        const bad = await p.inspect(certificate(name), { now: NOW })
        expect(bad.canEncrypt).toBe(false)
        const call = p.signcrypt(utf8("x"), { recipients: [good, bad], signWith: alice, now: NOW })
        const leftOut = [{ fingerprint: bad.fingerprint, because }]
        const owner = bareJid(first(bad.userIds).text.slice("xmpp:".length))
        await expectCode(call, "NO_USABLE_KEY", { owner, leftOut })
      }
    },
  },
  {
    title: "A23: a subkey without the encryption flag, and RSA with 1,024 bits, are not encrypted to (A20)",
    async run(p) {
      for (const name of ["noEncryptionFlag", "certifyOnly", "noFlags", "weakRsa"] as const) {
        const bad = await p.inspect(certificate(name), { now: NOW })
        expect([name, bad.canEncrypt]).toEqual([name, false])
        await expectCode(p.encrypt(utf8("x"), { recipients: [bad], now: NOW }), "NO_USABLE_KEY")
      }
    },
  },
  {
    title: "an expired key does not sign, and nothing is encrypted to nobody",
    async run(p) {
      const [alice, expired] = [await secret(p, "alice"), await secret(p, "expired")]
      const recipients = [alice.certificate]
      await expectCode(p.signcrypt(utf8("x"), { recipients, signWith: expired, now: NOW }), "NO_USABLE_KEY")
      await expectCode(p.sign(utf8("x"), { signWith: expired, now: NOW }), "NO_USABLE_KEY")
      await expectCode(p.signcrypt(utf8("x"), { recipients: [], signWith: alice, now: NOW }), "NO_USABLE_KEY")
    },
  },
  {
    title: "now decides: the signature carries it, and a key is unusable before it was made",
    async run(p) {
      const alice = await secret(p, "alice")
      const options = { recipients: [alice.certificate], signWith: alice }
      const sealed = await p.signcrypt(utf8("x"), { ...options, now: NOW })
      const opened = await p.open(sealed, { decryptWith: [alice], verifyWith: [alice.certificate], now: NOW })
      const [verdict] = opened.signatures
      expect(verdict?.kind === "valid" && verdict.signedAt).toEqual(NOW)
      const before = new Date("2024-06-01T00:00:00Z")
      expect(await p.inspect(certificate("alice"), { now: before })).toMatchObject({
        canEncrypt: false,
        canSign: false,
      })
      await expectCode(p.signcrypt(utf8("x"), { ...options, now: before }), "NO_USABLE_KEY")
    },
  },
  {
    title: "a clock that is five minutes behind can still use a brand-new key",
    async run(p) {
      const made = new Date(NOW.getTime() + 300_000)
      const { key } = await p.generate({ userId: "xmpp:a@example.org" }, { now: made })
      const sealed = await p.signcrypt(utf8("x"), { recipients: [key.certificate], signWith: key, now: made })
      expect(await p.inspect(key.certificate.bytes, { now: NOW })).toMatchObject({ canEncrypt: true })
      await p.encrypt(utf8("x"), { recipients: [key.certificate], now: NOW })
      const opened = await p.open(sealed, { decryptWith: [key], verifyWith: [key.certificate], now: NOW })
      expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
    },
  },
  {
    title: "the same text is sealed differently each time",
    async run(p) {
      const alice = await newKey(p, "alice")
      const options = { recipients: [alice.certificate], signWith: alice }
      const [a, b] = [await p.signcrypt(utf8("x"), options), await p.signcrypt(utf8("x"), options)]
      expect(a).not.toEqual(b)
    },
  },
  {
    title: "an engine tells its name, and which verdicts it gives",
    async run(p) {
      expect(p.name).toMatch(/^[a-z0-9][\w:.@+-]*$/i)
      expect(["full", "valid-only"]).toContain(p.verdicts)
    },
  },
  {
    title: "six recipients: each of them reads it, and the sender only if it is one of them (R4)",
    async run(p) {
      const alice = await secret(p, "alice")
      const others = await Promise.all(["a", "b", "c", "d", "e"].map((name) => newKey(p, name)))
      const everybody = [...others, await secret(p, "bob")]
      const sealed = await p.signcrypt(utf8("to all"), {
        recipients: everybody.map((key) => key.certificate),
        signWith: alice,
      })
      for (const key of everybody) {
        expect(text((await p.open(sealed, { decryptWith: [key], verifyWith: [] })).plaintext)).toBe("to all")
      }
      const asSender = p.open(sealed, { decryptWith: [alice], verifyWith: [] })
      await expectCode(asSender, "CANNOT_DECRYPT", { because: "not-for-us" })
    },
  },
  {
    title: "I8 A21: every unusable recipient is named, not only the first",
    async run(p) {
      const good = await p.inspect(certificate("bob"), { now: NOW })
      const bad = await Promise.all(
        (["expired", "revokedEncryption"] as const).map((name) => p.inspect(certificate(name), { now: NOW })),
      )
      const error = await failure(p.encrypt(utf8("x"), { recipients: [good, ...bad], now: NOW }))
      if (!isAurochsError(error, "NO_USABLE_KEY")) broken(`expected NO_USABLE_KEY, got ${String(error)}`, error)
      const named = new Set(error.details.leftOut.map((one) => `${one.fingerprint} ${one.because}`))
      expect(named).toEqual(new Set([`${bad[0]?.fingerprint} expired`, `${bad[1]?.fingerprint} revoked`]))
    },
  },
  {
    title: "A4 A21: a key whose only User ID was revoked or has expired is not encrypted to, and does not sign",
    async run(p) {
      for (const [name, because] of [
        ["onlyUserIdRevoked", "revoked"],
        ["onlyUserIdExpired", "expired"],
      ] as const) {
        const bad = await p.inspect(certificate(name), { now: NOW })
        expect(bad).toMatchObject({ canEncrypt: false, canSign: false, userIds: [{ status: because }] })
        const call = p.encrypt(utf8("x"), { recipients: [bad], now: NOW })
        await expectCode(call, "NO_USABLE_KEY", { leftOut: [{ fingerprint: bad.fingerprint, because }] })
        const signWith = await aliceUnder(p, name)
        const recipients = [await p.inspect(certificate("bob"))]
        // An engine that holds its keys has merged both of these into one.
        const either: string = expect.stringMatching(/^(revoked|expired)$/)
        const leftOut = [{ fingerprint: bad.fingerprint, because: either }]
        await expectCode(p.sign(utf8("x"), { signWith }), "NO_USABLE_KEY", { leftOut })
        await expectCode(p.signcrypt(utf8("x"), { recipients, signWith }), "NO_USABLE_KEY", { leftOut })
        expect(await p.inspect(certificate(name), { now: EARLY })).toMatchObject({ canEncrypt: true, canSign: true })
      }
    },
  },
  asItWasThen(
    "now in the past: what has expired since is encrypted to, and signs, as it was then",
    "expired",
    "expired",
  ),
  asItWasThen(
    "now in the past: what was retired since is encrypted to, and signs, as it was then",
    "superseded",
    "stale",
  ),
  {
    title: "now in the future: the signature is of then, and does not count before (A22)",
    async run(p) {
      const alice = await secret(p, "alice")
      const then = new Date("2035-06-01T00:00:00Z")
      const options = { recipients: [alice.certificate], signWith: alice, now: then }
      const sealed = await p.signcrypt(utf8("x"), options)
      const open = (now: Date) => p.open(sealed, { decryptWith: [alice], verifyWith: [alice.certificate], now })
      expectVerdicts(p, (await open(NOW)).signatures, [unusable("not-yet-valid")])
      const [verdict] = (await open(then)).signatures
      expect(verdict?.kind === "valid" && verdict.signedAt).toEqual(then)
    },
  },
  {
    title: "a User ID that cannot be one, and an end that is none, are CONFIGURATION",
    async run(p) {
      for (const userId of ["", "xmpp:a@example.org\nxmpp:b@example.org", "xmpp:\u0000@example.org"]) {
        await expectCode(p.generate({ userId }), "CONFIGURATION", { field: "userId" })
      }
      for (const expiresInMs of [0, -1000, Number.NaN, Number.POSITIVE_INFINITY]) {
        const call = p.generate({ userId: "xmpp:a@example.org", expiresInMs })
        await expectCode(call, "CONFIGURATION", { field: "expiresInMs" })
      }
    },
  },
]

function isGenerated(made: unknown): made is Awaited<ReturnType<CryptoProvider["generate"]>> {
  return typeof made === "object" && made !== null && "key" in made
}
