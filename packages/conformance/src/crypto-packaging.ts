import { isAurochsError } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import {
  certificate,
  concat,
  expectCode,
  expectVerdicts,
  failure,
  flipped,
  fromBase64,
  inBoundedTime,
  NOW,
  newKey,
  openAsBob,
  packet,
  packets,
  secret,
  TEXT,
  text,
  utf8,
} from "./crypto-help.ts"
import { packagingFixtures, signatureFixtures } from "./fixture-messages.ts"

type Name = keyof typeof packagingFixtures

function readable(title: string, names: readonly Name[]): Case<CryptoProvider> {
  return {
    title,
    async run(p) {
      for (const name of names) {
        const opened = await openAsBob(p, packagingFixtures[name])
        expect([name, text(opened.plaintext)]).toEqual([name, TEXT])
        expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
      }
    },
  }
}

const empty = { decryptWith: [], verifyWith: [] }

async function tryOpen(p: CryptoProvider, bytes: Uint8Array): Promise<unknown> {
  return p.open(bytes, { decryptWith: [await secret(p, "bob")], verifyWith: [] })
}

const SIGNATURE = 2
const LITERAL = 11

/** Of whom this has a valid signature, if it is read at all; only alice is known. */
async function validOf(p: CryptoProvider, message: Uint8Array): Promise<readonly string[]> {
  const verifyWith = [await p.inspect(certificate("alice"))]
  const opened = await p.open(message, { decryptWith: [], verifyWith }).catch((error: unknown) => {
    if (isAurochsError(error, "BAD_DATA")) return undefined
    throw error
  })
  return (opened?.signatures ?? []).flatMap((one) => (one.kind === "valid" ? [one.certificate] : []))
}

/** How a message may be packaged, and how not. */
export const packagingCases: readonly Case<CryptoProvider>[] = [
  readable("ZIP, ZLIB and BZIP2 are read within the limits", ["zip", "zlib", "bzip2"]),
  readable("partial lengths are read", ["partialLengths"]),
  readable("A29: a hidden recipient is found, also among others", ["hiddenRecipient", "hiddenAmongOthers"]),
  {
    title: "a text that is marked as UTF-8 comes back byte for byte",
    async run(p) {
      const opened = await openAsBob(p, packagingFixtures.utf8Literal)
      expect(text(opened.plaintext)).toBe("☃")
    },
  },
  {
    title: "encryption to an RSA primary key that signs too is read",
    async run(p) {
      const rsa = await secret(p, "rsa")
      const verifyWith = [await p.inspect(certificate("alice"))]
      const opened = await p.open(fromBase64(packagingFixtures.toRsaPrimary), { decryptWith: [rsa], verifyWith })
      expect(text(opened.plaintext)).toBe(TEXT)
      expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
      expect(opened.encryptedTo ?? rsa.certificate.fingerprint).toBe(rsa.certificate.fingerprint)
    },
  },
  {
    title: "R52: of several keys of ours the right one is found, whatever their order",
    async run(p) {
      const keys = [await secret(p, "alice"), await secret(p, "bob"), await secret(p, "rsa")]
      for (const decryptWith of [keys, [...keys].reverse()]) {
        const opened = await p.open(fromBase64(signatureFixtures.good), { decryptWith, verifyWith: [] })
        expect(text(opened.plaintext)).toBe(TEXT)
      }
    },
  },
  {
    title: "A29: a message for others is CANNOT_DECRYPT, not-for-us, hidden or not",
    async run(p) {
      const not = { because: "not-for-us" } as const
      for (const name of ["toMallory", "hiddenFromUs", "passwordOnly"] as const) {
        await expectCode(tryOpen(p, fromBase64(packagingFixtures[name])), "CANNOT_DECRYPT", not)
      }
      await expectCode(p.open(fromBase64(signatureFixtures.good), empty), "CANNOT_DECRYPT", not)
      const data = packets(fromBase64(signatureFixtures.good)).at(-1)
      await expectCode(tryOpen(p, packet(18, data?.body ?? new Uint8Array())), "CANNOT_DECRYPT", not)
    },
  },
  {
    title: "A15: encryption without integrity protection is refused",
    async run(p) {
      await expectCode(tryOpen(p, fromBase64(packagingFixtures.withoutIntegrity)), "BAD_DATA", { what: "message" })
      // The same data with its protection cut away, as in EFAIL.
      const [session, data] = packets(fromBase64(signatureFixtures.good))
      const stripped = concat(packet(1, session?.body ?? utf8("")), packet(9, data?.body.subarray(1) ?? utf8("")))
      await expectCode(tryOpen(p, stripped), "BAD_DATA", { what: "message" })
    },
  },
  {
    title: "A15: altered or shortened encrypted data is CANNOT_DECRYPT, damaged, and nothing of it comes out",
    async run(p) {
      const [session, data] = packets(fromBase64(signatureFixtures.good))
      const body = data?.body ?? new Uint8Array()
      const flipped = body.slice()
      flipped[60] = (flipped[60] ?? 0) ^ 1
      const short = body.subarray(0, body.length - 22)
      for (const bad of [flipped, short]) {
        const bytes = concat(packet(1, session?.body ?? utf8("")), packet(18, bad))
        await expectCode(tryOpen(p, bytes), "CANNOT_DECRYPT", { because: "damaged" })
      }
    },
  },
  {
    title: "A27: two messages in one, or anything behind a message, are BAD_DATA",
    async run(p) {
      const good = fromBase64(signatureFixtures.good)
      const signed = fromBase64(signatureFixtures.signedOnly)
      const garbage = Uint8Array.of(1, 2, 3)
      for (const two of [concat(good, good), concat(signed, signed), concat(good, signed), concat(good, garbage)]) {
        await expectCode(tryOpen(p, two), "BAD_DATA", { what: "message" })
      }
    },
  },
  {
    title: "A27: two texts inside one message, and text beside compressed text, are BAD_DATA",
    async run(p) {
      for (const name of ["twoTexts", "textAfterCompression", "noText"] as const) {
        await expectCode(tryOpen(p, fromBase64(packagingFixtures[name])), "BAD_DATA", { what: "message" })
      }
    },
  },
  {
    title: "a one-pass signature without its signature is BAD_DATA",
    async run(p) {
      await expectCode(tryOpen(p, fromBase64(signatureFixtures.missingSignature)), "BAD_DATA", { what: "message" })
    },
  },
  {
    title: "a signature before its text (RFC 9580 §10.3) counts for that text and its signer only, or is not read",
    async run(p) {
      const read = async (verifyWith: "alice" | "mallory") => {
        try {
          return await openAsBob(p, signatureFixtures.prefixSignature, [verifyWith])
        } catch (error) {
          if (isAurochsError(error, "BAD_DATA") || isAurochsError(error, "CANNOT_DECRYPT")) return undefined
          throw error
        }
      }
      const [opened, unknown] = [await read("alice"), await read("mallory")]
      expect(unknown?.signatures.filter(({ kind }) => kind === "valid") ?? []).toEqual([])
      if (opened === undefined) return
      expect(text(opened.plaintext)).toBe(TEXT)
      const valid = opened.signatures.filter(({ kind }) => kind === "valid")
      expect(valid.length).toBeLessThanOrEqual(1)
      const { fingerprint } = await p.inspect(certificate("alice"))
      for (const one of valid) expect(one).toMatchObject({ certificate: fingerprint })
      // The same of what is not encrypted, with its own text and with another.
      const [, own, signature] = packets(fromBase64(signatureFixtures.signedOnly)).map(({ body }) => body)
      const other = flipped(own ?? utf8(""), (own ?? utf8("")).length - 1)
      for (const literal of [own ?? utf8(""), other]) {
        const message = concat(packet(SIGNATURE, signature ?? utf8("")), packet(LITERAL, literal))
        const verdicts = await validOf(p, message)
        expect(verdicts.filter((one) => literal === other || one !== fingerprint)).toEqual([])
      }
    },
  },
  {
    title: "R2: armored input is BAD_DATA",
    async run(p) {
      const armored = `-----BEGIN PGP MESSAGE-----\n\n${signatureFixtures.good}\n-----END PGP MESSAGE-----\n`
      await expectCode(tryOpen(p, utf8(armored)), "BAD_DATA", { what: "message" })
    },
  },
  {
    title: "garbage, nothing, a certificate and half a message are BAD_DATA",
    async run(p) {
      const half = fromBase64(signatureFixtures.good).subarray(0, 200)
      for (const bad of [utf8("not OpenPGP at all"), new Uint8Array(), certificate("alice"), half]) {
        await expectCode(tryOpen(p, bad), "BAD_DATA", { what: "message" })
      }
    },
  },
  {
    title: "A16: compression inside compression is refused",
    async run(p) {
      await expectCode(tryOpen(p, fromBase64(packagingFixtures.nestedCompression)), "BAD_DATA", { what: "message" })
    },
  },
  {
    title: "A16: 48 MiB from 48 KiB, or from 300 bytes, are refused in bounded time",
    async run(p) {
      for (const name of ["zlibBomb", "bzip2Bomb"] as const) {
        const bytes = fromBase64(packagingFixtures[name])
        await inBoundedTime(p, () => expectCode(tryOpen(p, bytes), "BAD_DATA", { limit: "maxPlaintextBytes" }))
      }
    },
  },
  {
    title: "A16: limits of a call are held: bytes of the message, bytes of the text, packets",
    async run(p) {
      const alice = await newKey(p, "alice")
      const sealed = await p.encrypt(new Uint8Array(5000), { recipients: [alice.certificate] })
      const open = (limits: object) => p.open(sealed, { decryptWith: [alice], verifyWith: [], limits })
      await expectCode(open({ maxMessageBytes: 4999 }), "BAD_DATA", { limit: "maxMessageBytes" })
      await expectCode(open({ maxPlaintextBytes: 4999 }), "BAD_DATA", { limit: "maxPlaintextBytes" })
      await expectCode(open({ maxPackets: 1 }), "BAD_DATA", { limit: "maxPackets" })
      expect((await open({ maxPlaintextBytes: 5000 })).plaintext).toHaveLength(5000)
    },
  },
  {
    title: "A16: a limit that would bound nothing is refused, and nothing is opened",
    async run(p) {
      const bytes = fromBase64(packagingFixtures.zlibBomb)
      const decryptWith = [await secret(p, "bob")]
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
        for (const field of ["maxPlaintextBytes", "maxMessageBytes", "maxPackets"]) {
          const opening = p.open(bytes, { decryptWith, verifyWith: [], limits: { [field]: value } })
          await expectCode(opening, "CONFIGURATION", { field })
        }
      }
    },
  },
  {
    title: "A16: more packets than the limit are refused before they are parsed",
    async run(p) {
      const marker = packet(10, utf8("PGP"))
      const many = concat(...Array.from({ length: 65 }, () => marker), fromBase64(signatureFixtures.signedOnly))
      await expectCode(tryOpen(p, many), "BAD_DATA", { limit: "maxPackets" })
    },
  },
  {
    title: "a failed call leaves the provider as it was",
    async run(p) {
      await failure(tryOpen(p, fromBase64(packagingFixtures.bzip2Bomb)))
      await failure(tryOpen(p, utf8("garbage")))
      expect(text((await openAsBob(p, signatureFixtures.good)).plaintext)).toBe(TEXT)
    },
  },
  {
    title: "SEIPDv2, where it is read, gives text and verdict as SEIPDv1 does, and an altered byte is damage",
    async run(p) {
      const message = fromBase64(packagingFixtures.seipd2)
      const verifyWith = [await p.inspect(certificate("alice"), { now: NOW })]
      const open = async (bytes: Uint8Array) => p.open(bytes, { decryptWith: [await secret(p, "bob")], verifyWith })
      const opened = await open(message).catch((error: unknown) => {
        if (isAurochsError(error, "UNSUPPORTED")) unsupported("the engine reads no SEIPDv2")
        throw error
      })
      expect([text(opened.plaintext), opened.encrypted]).toEqual([TEXT, true])
      expectVerdicts(p, opened.signatures, [{ kind: "valid" }])
      const altered = open(flipped(message, message.length - 40))
      await expectCode(altered, "CANNOT_DECRYPT", { because: "damaged" })
    },
  },
  {
    title: "whose key a message was encrypted to is told, by its primary key, also of a hidden recipient",
    async run(p) {
      const { fingerprint } = await p.inspect(certificate("bob"))
      const keys = [await secret(p, "alice"), await secret(p, "bob")]
      const to = async (base64: string) =>
        (await p.open(fromBase64(base64), { decryptWith: keys, verifyWith: [] })).encryptedTo
      const named = await to(signatureFixtures.good)
      if (named === undefined) unsupported("the engine does not tell whose key opened a message")
      expect(named).toBe(fingerprint)
      expect(await to(packagingFixtures.hiddenRecipient)).toBe(fingerprint)
    },
  },
  {
    title: "without the right key, and without any, a message is CANNOT_DECRYPT, not-for-us",
    async run(p) {
      const good = fromBase64(signatureFixtures.good)
      const not = { because: "not-for-us" } as const
      for (const decryptWith of [[], [await secret(p, "alice")], [await newKey(p, "bob"), await secret(p, "rsa")]]) {
        await expectCode(p.open(good, { decryptWith, verifyWith: [] }), "CANNOT_DECRYPT", not)
      }
    },
  },
  {
    title: "a certificate to verify by that cannot be read is BAD_DATA, certificate: not an unknown key",
    async run(p) {
      const alice = await p.inspect(certificate("alice"))
      const decryptWith = [await secret(p, "bob")]
      for (const bytes of [utf8("junk"), certificate("alice").subarray(0, 80), new Uint8Array()]) {
        const verifyWith = [alice, { ...alice, bytes }]
        const call = p.open(fromBase64(signatureFixtures.good), { decryptWith, verifyWith })
        await expectCode(call, "BAD_DATA", { what: "certificate" })
      }
    },
  },
]
