import type { CryptoProvider, Opened, SessionKey, SessionKeyOptions } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import { certificate, expectCode, failure, flipped, fromBase64, NOW, openAsBob, TEXT, text } from "./crypto-help.ts"
import { packagingFixtures, sessionKeyFixtures, signatureFixtures } from "./fixture-messages.ts"

type Name = keyof typeof sessionKeyFixtures

const messages: Readonly<Record<Name, string>> = { ...signatureFixtures, ...packagingFixtures }

/** The session key of a fixture message. */
function sessionKeyOf(name: Name): SessionKey {
  const [algorithm = 0, ...bytes] = fromBase64(sessionKeyFixtures[name])
  return { algorithm, bytes: Uint8Array.from(bytes) }
}

async function open(
  p: CryptoProvider,
  name: Name,
  more: Partial<SessionKeyOptions> & { readonly message?: Uint8Array } = {},
): Promise<Opened> {
  if (p.openWithSessionKey === undefined) unsupported("the engine opens nothing with a session key alone")
  const { message = fromBase64(messages[name]), ...options } = more
  const verifyWith = [await p.inspect(certificate("alice"), { now: NOW })]
  return p.openWithSessionKey(message, { sessionKey: sessionKeyOf(name), verifyWith, now: NOW, ...options })
}

/** `openWithSessionKey`: another engine decrypted the session key, this one does the rest. */
export const sessionKeyCases: readonly Case<CryptoProvider>[] = [
  {
    title: "R15 R16: with its session key each message has the same text and verdicts as with the secret key",
    async run(p) {
      for (const name of Object.keys(sessionKeyFixtures) as Name[]) {
        if (name === "zlibBomb" || name === "missingSignature" || name === "seipd2" || name.startsWith("meantFor"))
          continue
        const [want, got] = [await openAsBob(p, messages[name]), await open(p, name)]
        const counting = ({ plaintext, encrypted, signatures }: Opened) => ({
          plaintext,
          encrypted,
          signatures: signatures.filter((one) => p.verdicts === "full" || one.kind === "valid"),
        })
        expect([name, counting(got)]).toEqual([name, counting(want)])
      }
    },
  },
  {
    title: "R15 A25: with its session key a good message is valid and a forged one is not",
    async run(p) {
      const good = await open(p, "good")
      expect([text(good.plaintext), good.encrypted]).toEqual([TEXT, true])
      expect(good.signatures.map((one) => one.kind)).toEqual(["valid"])
      const forged = await open(p, "forged")
      expect(forged.signatures.filter((one) => one.kind === "valid")).toEqual([])
      const byMallory = await open(p, "byMallory")
      expect(byMallory.signatures.filter((one) => one.kind === "valid")).toEqual([])
    },
  },
  {
    title: "A1: whom it was encrypted to is what the caller says, and a signature for others is not valid",
    async run(p) {
      const { fingerprint: bob } = await p.inspect(certificate("bob"))
      expect((await open(p, "good")).encryptedTo).toBeUndefined()
      expect((await open(p, "good", { encryptedTo: bob })).encryptedTo).toBe(bob)
      const kinds = async (name: Name) => (await open(p, name, { encryptedTo: bob })).signatures.map((one) => one.kind)
      expect(await kinds("meantForBob")).toEqual(["valid"])
      expect(await kinds("meantForMallory")).not.toContain("valid")
    },
  },
  {
    title:
      "A15: a session key of another message, of the wrong length or for another cipher is CANNOT_DECRYPT, damaged",
    async run(p) {
      const { algorithm, bytes } = sessionKeyOf("good")
      const wrong: SessionKey[] = [
        sessionKeyOf("forged"),
        { algorithm, bytes: bytes.subarray(0, 16) },
        { algorithm, bytes: new Uint8Array() },
        { algorithm: 7, bytes },
        { algorithm: 99, bytes },
      ]
      for (const sessionKey of wrong) {
        await expectCode(open(p, "good", { sessionKey }), "CANNOT_DECRYPT", { because: "damaged" })
      }
    },
  },
  {
    title: "A15: with the right session key an altered or shortened message is still CANNOT_DECRYPT, damaged",
    async run(p) {
      const good = fromBase64(signatureFixtures.good)
      const altered = flipped(good, good.length - 30)
      await expectCode(open(p, "good", { message: altered }), "CANNOT_DECRYPT", { because: "damaged" })
      await failure(open(p, "good", { message: good.subarray(0, good.length - 22) }))
    },
  },
  {
    title: "R3 A7: a message that is only signed is BAD_DATA, whatever session key comes with it",
    async run(p) {
      const message = fromBase64(signatureFixtures.signedOnly)
      await expectCode(open(p, "good", { message }), "BAD_DATA", { what: "message" })
    },
  },
  {
    title: "A16: limits hold with a session key too",
    async run(p) {
      await expectCode(open(p, "zlibBomb"), "BAD_DATA", { limit: "maxPlaintextBytes" })
      await expectCode(open(p, "good", { limits: { maxMessageBytes: 100 } }), "BAD_DATA", { limit: "maxMessageBytes" })
      await expectCode(open(p, "good", { limits: { maxPlaintextBytes: 10 } }), "BAD_DATA", {
        limit: "maxPlaintextBytes",
      })
    },
  },
  {
    title: "A22: now decides with a session key too",
    async run(p) {
      const early = await open(p, "future")
      expect(early.signatures.map((one) => one.kind)).not.toContain("valid")
      const late = await open(p, "future", { now: new Date("2035-06-01T00:00:00Z") })
      expect(late.signatures.map((one) => one.kind)).toEqual(["valid"])
    },
  },
  {
    title: "the session key that is handed over is not changed",
    async run(p) {
      const sessionKey = sessionKeyOf("good")
      await open(p, "good", { sessionKey })
      expect(sessionKey).toEqual(sessionKeyOf("good"))
    },
  },
]
