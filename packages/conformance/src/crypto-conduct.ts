import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { expect } from "vitest"
import type { Case } from "./case.ts"
import {
  certificate,
  expectCode,
  expectSomeError,
  expectVerdicts,
  first,
  fromBase64,
  NOW,
  newKey,
  openAsBob,
  secret,
  text,
  utf8,
} from "./crypto-help.ts"
import { pause } from "./crypto-place.ts"
import { secretFixtures } from "./fixture-keys.ts"
import { signatureFixtures } from "./fixture-messages.ts"

/** What must be true of every call: many at once, ended early, with handles that are no longer good. */
export const conductCases: readonly Case<CryptoProvider>[] = [
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
      const sessionKey = { algorithm: 9, bytes: new Uint8Array(32) }
      const password = "password"
      const now = NOW
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
        p.secretKey(alice.certificate.fingerprint, { signal }),
        p.certifiedBy?.(bytes, { signal, by: [], userId: "xmpp:alice@example.org" }),
        p.openWithSessionKey?.(bytes, { signal, sessionKey, verifyWith: [] }),
        p.lifecycle?.revoke(alice, { signal }),
        p.lifecycle?.renew(alice, { signal }),
        p.lifecycle?.certify(certificate("bob"), { signal, signWith: alice, userId: "xmpp:bob@example.org" }),
        p.lifecycle?.adopt?.(alice, bytes, { signal }),
        p.secrets?.export(alice, { signal, passphrase: "none" }),
        p.secrets?.encryptWithPassword(bytes, { signal, password }),
        p.secrets?.decryptWithPassword(bytes, { signal, password }),
        p.keyFacts?.encryptionKey(bytes, { signal, now }),
        p.keyFacts?.signingKey(alice, { signal, now }),
        p.keyFacts?.decryptionKeys(alice, { signal }),
        p.keyFacts?.signers(bytes, { signal, now, signedAt: now }),
      ].filter((call) => call !== undefined)
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
      // What callers in Node have is often a Buffer, whose slice() is no copy.
      const { Buffer } = globalThis as { readonly Buffer?: { from(bytes: Uint8Array): Uint8Array } }
      const given = fromBase64(secretFixtures.bob)
      const bytes = Buffer === undefined ? given : Buffer.from(given)
      const copy = new Uint8Array(bytes)
      const bob = first(await p.importSecret(bytes))
      await bob[Symbol.asyncDispose]()
      await bob[Symbol.asyncDispose]()
      expect(new Uint8Array(bytes)).toEqual(copy)
      await Promise.all(usesOf(p, bob).map(expectSomeError))
      // Another handle on the same key is not disposed with it.
      expect(text((await openAsBob(p, signatureFixtures.good)).plaintext)).toContain("dawn")
    },
  },
  {
    title: "a secret key handle that another provider made is refused",
    async run(p) {
      const bob = await secret(p, "bob")
      const foreign = { certificate: bob.certificate, async [Symbol.asyncDispose]() {} }
      await Promise.all(usesOf(p, foreign).map(expectSomeError))
      // It is the handle that is refused: the engine has this key.
      const opened = await p.open(fromBase64(signatureFixtures.good), { decryptWith: [bob], verifyWith: [] })
      expect(text(opened.plaintext)).toContain("dawn")
    },
  },
  {
    title: "a call that is aborted at any moment ends soon: with ABORTED, or with what it had ready",
    async run(p) {
      const [alice, bob] = [await secret(p, "alice"), await secret(p, "bob")]
      const sealed = await p.signcrypt(utf8("x"), { recipients: [bob.certificate], signWith: alice })
      for (const ms of [0, 1, 3, 10, 30, 100]) {
        const controller = new AbortController()
        const { signal } = controller
        const calls = [
          p.signcrypt(utf8("x"), { signal, recipients: [bob.certificate], signWith: alice }),
          p.open(sealed, { signal, decryptWith: [bob], verifyWith: [alice.certificate] }),
          p.generate({ userId: "xmpp:a@example.org" }, { signal }),
        ]
        const settled = Promise.allSettled(calls)
        await pause(ms)
        controller.abort()
        const late = pause(10_000).then(() => "it did not end")
        const results = await Promise.race([settled, late])
        if (typeof results === "string") throw new Error(results)
        for (const one of results) {
          if (one.status === "rejected") await expectCode(Promise.reject(one.reason), "ABORTED")
        }
      }
    },
  },
  {
    title: "aborting one call leaves the others alone",
    async run(p) {
      const [alice, bob] = [await secret(p, "alice"), await secret(p, "bob")]
      const seal = (signal?: AbortSignal) =>
        p.signcrypt(utf8("x"), { signal, recipients: [bob.certificate], signWith: alice })
      const controller = new AbortController()
      const aborted = expectCode(seal(controller.signal), "ABORTED")
      const others = [seal(), seal(new AbortController().signal), seal()]
      controller.abort()
      await aborted
      for (const sealed of await Promise.all(others)) {
        const opened = await p.open(sealed, { decryptWith: [bob], verifyWith: [alice.certificate] })
        expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
      }
    },
  },
  {
    title: "people who write at the same time keep their own keys, texts and verdicts",
    async run(p) {
      const people = await Promise.all(["a", "b", "c", "d"].map((name) => newKey(p, name)))
      const pairs = people.flatMap((from, i) => people.filter((_, j) => j !== i).map((to) => ({ from, to })))
      await Promise.all(
        pairs.map(async ({ from, to }) => {
          const said = `${from.certificate.fingerprint} to ${to.certificate.fingerprint}`
          const sealed = await p.signcrypt(utf8(said), { recipients: [to.certificate], signWith: from })
          const verifyWith = people.map((one) => one.certificate)
          const opened = await p.open(sealed, { decryptWith: people, verifyWith })
          expect(text(opened.plaintext)).toBe(said)
          expect(opened.encryptedTo ?? to.certificate.fingerprint).toBe(to.certificate.fingerprint)
          const { fingerprint } = from.certificate
          expectVerdicts(p, opened.signatures, [{ kind: "valid", certificate: fingerprint }])
        }),
      )
    },
  },
  {
    title: "what a call is given is not changed: message, certificates, secret key, passphrase",
    async run(p) {
      const given = [signatureFixtures.good, secretFixtures.lockedBob].map((one) => fromBase64(one))
      const [message = utf8(""), secretBytes = utf8("")] = given
      const [certificateBytes, passphrase, plaintext] = [certificate("alice"), utf8("correct horse"), utf8("text")]
      const all = [message, secretBytes, certificateBytes, passphrase, plaintext]
      const copies = all.map((one) => one.slice())
      const bob = first(await p.importSecret(secretBytes, { passphrase }))
      const alice = await p.inspect(certificateBytes)
      await p.open(message, { decryptWith: [bob], verifyWith: [{ ...alice, bytes: certificateBytes }] })
      await p.encrypt(plaintext, { recipients: [{ ...alice, bytes: certificateBytes }] })
      await p.merge(certificateBytes, certificateBytes)
      await bob[Symbol.asyncDispose]()
      expect(all).toEqual(copies)
    },
  },
]

/** All that can be done with bob's secret key, each of which would succeed with a handle that is good. */
function usesOf(p: CryptoProvider, bob: SecretKey): Promise<unknown>[] {
  const recipients = [bob.certificate]
  const uses = [
    p.signcrypt(utf8("x"), { recipients, signWith: bob }),
    p.sign(utf8("x"), { signWith: bob }),
    p.open(fromBase64(signatureFixtures.good), { decryptWith: [bob], verifyWith: [] }),
    p.lifecycle?.revoke(bob),
    p.lifecycle?.renew(bob),
    p.lifecycle?.certify(certificate("alice"), { signWith: bob, userId: "xmpp:alice@example.org" }),
    p.lifecycle?.adopt?.(bob, bob.certificate.bytes),
    p.secrets?.export(bob, { passphrase: "none" }),
  ]
  return uses.filter((use) => use !== undefined)
}
