import { bareJid } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import {
  certificate,
  expectCode,
  expectVerdicts,
  failure,
  first,
  NOW,
  newKey,
  openAsBob,
  packets,
  saidBy,
  secret,
  text,
  utf8,
} from "./crypto-help.ts"
import { secretFixtures } from "./fixture-keys.ts"
import { signatureFixtures } from "./fixture-messages.ts"

const PUBLIC_KEY_SESSION = 1
const ENCRYPTED = 18

/** Making keys, sealing, and what must be true of every call. */
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
    title: "thirty calls at once do not get in each other's way",
    async run(p) {
      const [alice, bob] = [await newKey(p, "alice"), await newKey(p, "bob")]
      const one = async (i: number) => {
        const sealed = await p.signcrypt(utf8(`message ${i}`), { recipients: [bob.certificate], signWith: alice })
        const opened = await p.open(sealed, { decryptWith: [bob], verifyWith: [alice.certificate] })
        expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
        return text(opened.plaintext)
      }
      const numbers = Array.from({ length: 30 }, (_, i) => i)
      expect(await Promise.all(numbers.map(one))).toEqual(numbers.map((i) => `message ${i}`))
    },
  },
  {
    title: "an aborted signal ends every call with ABORTED",
    async run(p) {
      const alice = await newKey(p, "alice")
      const { bytes } = alice.certificate
      const signal = AbortSignal.abort("enough")
      const recipients = [alice.certificate]
      const calls = [
        p.inspect(bytes, { signal }),
        p.minimize(bytes, { signal, keepUserId: "xmpp:alice@example.org" }),
        p.merge(bytes, bytes, { signal }),
        p.importSecret(bytes, { signal }),
        p.generate({ userId: "xmpp:a@example.org" }, { signal }),
        p.signcrypt(bytes, { signal, recipients, signWith: alice }),
        p.encrypt(bytes, { signal, recipients }),
        p.sign(bytes, { signal, signWith: alice }),
        p.open(bytes, { signal, decryptWith: [alice], verifyWith: recipients }),
      ]
      await Promise.all(calls.map((call) => expectCode(call, "ABORTED")))
    },
  },
  {
    title: "a call aborted on its way ends with ABORTED, and the next one works",
    async run(p) {
      const alice = await newKey(p, "alice")
      const options = { recipients: [alice.certificate], signWith: alice }
      const controller = new AbortController()
      const call = p.signcrypt(utf8("x"), { ...options, signal: controller.signal })
      controller.abort()
      await expectCode(call, "ABORTED")
      await p.signcrypt(utf8("x"), options)
    },
  },
  {
    title: "a disposed secret key does nothing any more, and disposing does not touch the caller's bytes",
    async run(p) {
      const bytes = Uint8Array.from(atob(secretFixtures.bob), (c) => c.charCodeAt(0))
      const copy = bytes.slice()
      const bob = first(await p.importSecret(bytes))
      await bob[Symbol.asyncDispose]()
      await bob[Symbol.asyncDispose]()
      expect(bytes).toEqual(copy)
      const calls = [
        p.signcrypt(utf8("x"), { recipients: [bob.certificate], signWith: bob }),
        p.sign(utf8("x"), { signWith: bob }),
        p.open(utf8("x"), { decryptWith: [bob], verifyWith: [] }),
      ]
      await Promise.all(calls.map(expectSomeError))
      // Another handle on the same key is not disposed with it.
      expect(text((await openAsBob(p, signatureFixtures.good)).plaintext)).toContain("dawn")
    },
  },
  {
    title: "a secret key handle that another provider made is refused",
    async run(p) {
      const alice = await newKey(p, "alice")
      const foreign = { certificate: alice.certificate, async [Symbol.asyncDispose]() {} }
      await expectSomeError(p.sign(utf8("x"), { signWith: foreign }))
      await expectSomeError(p.open(utf8("x"), { decryptWith: [foreign], verifyWith: [] }))
    },
  },
  {
    title: "errors quote neither the text nor the passphrase nor a secret key",
    async run(p) {
      const passphrase = "a passphrase that must not appear"
      const bytes = Uint8Array.from(atob(secretFixtures.lockedBob), (c) => c.charCodeAt(0))
      const plaintext = "a text that must not appear"
      const errors = [
        await failure(p.importSecret(bytes, { passphrase: utf8(passphrase) })),
        await failure(p.encrypt(utf8(plaintext), { recipients: [] })),
        await failure(p.importSecret(utf8(passphrase))),
        await failure(p.inspect(utf8(plaintext))),
      ]
      for (const error of errors) expect(saidBy(error)).not.toContain("must not appear")
    },
  },
]

async function expectSomeError(call: Promise<unknown>): Promise<void> {
  const error = await failure(call)
  expect(error).toMatchObject({ name: "AurochsError" })
}

function isGenerated(made: unknown): made is Awaited<ReturnType<CryptoProvider["generate"]>> {
  return typeof made === "object" && made !== null && "key" in made
}
