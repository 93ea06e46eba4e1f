import { fingerprint } from "@aurochs/core"
import type { CryptoProvider, SecretTransfer } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import {
  broken,
  certificate,
  expectCode,
  expectVerdicts,
  first,
  flipped,
  fromBase64,
  inBoundedTime,
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

/** Secret keys: in, out, and back again. */
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
      await inBoundedTime(p, async () => {
        const call = p.importSecret(fromBase64(secretFixtures.expensiveArgon2), { passphrase: utf8(PASSPHRASE) })
        await expectCode(call, "BAD_DATA", { limit: "maxArgon2MemoryExponent" })
      })
    },
  },
  {
    title: "A21: an expired key still opens what was sent to it",
    async run(p) {
      // Of a key that has expired by every clock: a program has only the machine's.
      const key = await secret(p, "expired")
      const opened = await p.open(fromBase64(packagingFixtures.toExpired), { decryptWith: [key], verifyWith: [] })
      expect(text(opened.plaintext)).toBe(TEXT)
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
      const transfer = transferOf(p)
      const bytes = fromBase64(packagingFixtures.expensivePassword)
      await inBoundedTime(p, async () => {
        const call = transfer.decryptWithPassword(bytes, { password: CODE })
        await expectCode(call, "BAD_DATA", { limit: "maxArgon2MemoryExponent" })
      })
    },
  },
  {
    title: "R44: nothing comes out of a password message that was altered, shortened or has no password",
    async run(p) {
      const transfer = transferOf(p)
      const sealed = await transfer.encryptWithPassword(utf8("backup"), { password: CODE })
      const open = (message: Uint8Array) => transfer.decryptWithPassword(message, { password: CODE })
      await expectCode(open(flipped(sealed, sealed.length - 10)), "CANNOT_DECRYPT", { because: "bad-passphrase" })
      await expectCode(open(sealed.subarray(0, sealed.length - 5)), "BAD_DATA", { what: "message" })
      await expectCode(open(fromBase64(signatureFixtures.signedOnly)), "BAD_DATA", { what: "message" })
      await expectCode(open(fromBase64(signatureFixtures.good)), "CANNOT_DECRYPT", { because: "not-for-us" })
    },
  },
  {
    title: "A16: limits of a call hold for password messages",
    async run(p) {
      const transfer = transferOf(p)
      const message = await transfer.encryptWithPassword(new Uint8Array(5000), { password: CODE })
      const open = (limits: object) => transfer.decryptWithPassword(message, { password: CODE, limits })
      await expectCode(open({ maxPlaintextBytes: 4999 }), "BAD_DATA", { limit: "maxPlaintextBytes" })
      await expectCode(open({ maxMessageBytes: 4999 }), "BAD_DATA", { limit: "maxMessageBytes" })
      expect(await open({ maxPlaintextBytes: 5000 })).toHaveLength(5000)
    },
  },
  {
    title: "a key that nobody holds is undefined, not an error",
    async run(p) {
      expect(await p.secretKey(fingerprint("0123456789ABCDEF0123456789ABCDEF01234567"))).toBeUndefined()
    },
  },
  {
    title: "a key that the engine holds is found again by its fingerprint, also after its handle was disposed",
    async run(p) {
      const alice = await newKey(p, "alice")
      const sealed = await p.encrypt(utf8("x"), { recipients: [alice.certificate] })
      const found = await p.secretKey(alice.certificate.fingerprint)
      if (found === undefined) unsupported("the engine holds no keys of its own")
      await alice[Symbol.asyncDispose]()
      await found[Symbol.asyncDispose]()
      const again = await p.secretKey(alice.certificate.fingerprint)
      if (again === undefined) broken("disposing the handle deleted the key")
      expect(again.certificate.fingerprint).toBe(alice.certificate.fingerprint)
      expect(text((await p.open(sealed, { decryptWith: [again], verifyWith: [] })).plaintext)).toBe("x")
      const signed = await p.sign(utf8("y"), { signWith: again })
      const opened = await p.open(signed, { decryptWith: [], verifyWith: [again.certificate] })
      expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
    },
  },
]
