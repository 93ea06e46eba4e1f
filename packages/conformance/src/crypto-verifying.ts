import type { CryptoProvider } from "@aurochs/crypto"
import { expect } from "vitest"
import { type Case, unsupported } from "./case.ts"
import {
  certificate,
  EARLY,
  expectVerdicts,
  fromBase64,
  NOW,
  newKey,
  openAsBob,
  secret,
  TEXT,
  text,
  unusable,
  utf8,
  type Wanted,
} from "./crypto-help.ts"
import type { certificateFixtures } from "./fixture-keys.ts"
import { signatureFixtures } from "./fixture-messages.ts"

type CertificateName = keyof typeof certificateFixtures
type MessageName = keyof typeof signatureFixtures

/** One fixture message, the certificates given, and the verdicts that must come out. */
function verdict(
  title: string,
  message: MessageName,
  verifyWith: readonly CertificateName[],
  want: readonly Wanted[],
  now: Date = NOW,
): Case<CryptoProvider> {
  return {
    title,
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures[message], verifyWith, now)
      expectVerdicts(p, opened.signatures, want)
    },
  }
}

const unknown: Wanted = { kind: "unverified", reason: "unknown-key" }
const valid: Wanted = { kind: "valid" }

/** What becomes of signatures. */
export const verifyingCases: readonly Case<CryptoProvider>[] = [
  {
    title: "R15: a good message of another engine is valid, with its signer and the time of signing",
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures.good)
      expect(text(opened.plaintext)).toBe(TEXT)
      const { fingerprint } = await p.inspect(certificate("alice"))
      expectVerdicts(p, opened.signatures, [{ kind: "valid", certificate: fingerprint }])
      expect(opened.signatures[0]).toMatchObject({ signedAt: new Date("2025-03-01T00:00:00Z") })
    },
  },
  verdict("R15 A25: another text under a real signature is invalid", "forged", ["alice"], [{ kind: "invalid" }]),
  {
    title: "A25: the text that is returned is the one the signatures were checked over",
    async run(p) {
      const forged = await openAsBob(p, signatureFixtures.forged)
      expect(text(forged.plaintext)).toContain("noon")
      expect(forged.signatures.filter((one) => one.kind === "valid")).toEqual([])
      const two = await openAsBob(p, signatureFixtures.oneOfTwoForged, ["alice", "mallory"])
      expect(text(two.plaintext)).toBe(TEXT)
    },
  },
  verdict("A26: two signatures, both known: two verdicts", "twoSignatures", ["alice", "mallory"], [valid, valid]),
  verdict("A26: two signatures, one unknown: both are reported", "twoSignatures", ["alice"], [valid, unknown]),
  verdict(
    "A26: two signatures, one over another text: each has its own verdict",
    "oneOfTwoForged",
    ["alice", "mallory"],
    [valid, { kind: "invalid" }],
  ),
  verdict("R16: somebody else's good signature is an unknown key", "byMallory", ["alice"], [unknown]),
  verdict("R16: without certificates every signer is unknown", "good", [], [unknown]),
  {
    title: "the text of an unknown signer's message is not lost",
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures.byMallory)
      expect([text(opened.plaintext), opened.encrypted]).toEqual([TEXT, true])
    },
  },
  {
    title: "an unknown signer is named by its issuer, where the engine tells",
    async run(p) {
      const [one] = (await openAsBob(p, signatureFixtures.byMallory)).signatures
      const issuer = one?.kind === "unverified" && one.reason !== "unusable-key" ? one.issuer : undefined
      if (issuer === undefined) unsupported("the engine does not name unknown signers")
      const { fingerprint } = await p.inspect(certificate("mallory"))
      expect(fingerprint.endsWith(issuer) && issuer.length >= 16).toBe(true)
    },
  },
  {
    title: "A24: a signature that claims another issuer is not theirs",
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures.malloryAsAlice, ["alice"])
      expect(opened.signatures.filter((one) => one.kind === "valid")).toEqual([])
    },
  },
  verdict("A1: a signature that names its recipients, us among them, is valid", "meantForBob", ["alice"], [valid]),
  {
    title: "A1: a signature that names other recipients is not valid",
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures.meantForMallory)
      expect(opened.signatures.filter((one) => one.kind === "valid")).toEqual([])
    },
  },
  {
    title: "a signature over text with canonical line endings is valid, and the text is not touched",
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures.textSignature)
      expect(text(opened.plaintext)).toBe("one\r\ntwo\r\n")
      expectVerdicts(p, opened.signatures, [valid])
    },
  },
  {
    title: "R3 A3: an unsigned message has no verdict at all",
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures.unsigned)
      expect(opened).toMatchObject({ encrypted: true, signatures: [] })
    },
  },
  {
    title: "R5 A7: a message that is only signed never passes for an encrypted one",
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures.signedOnly)
      expect(opened.encrypted).toBe(false)
      expect(opened.encryptedTo).toBeUndefined()
      expectVerdicts(p, opened.signatures, [valid])
      const forged = await openAsBob(p, signatureFixtures.signedOnlyForged)
      expectVerdicts(p, forged.signatures, [{ kind: "invalid" }])
    },
  },
  {
    title: "R5: sign makes a message that is signed and not encrypted",
    async run(p) {
      const alice = await newKey(p, "alice")
      const signed = await p.sign(utf8("public"), { signWith: alice })
      const opened = await p.open(signed, { decryptWith: [], verifyWith: [alice.certificate] })
      expect([opened.encrypted, text(opened.plaintext)]).toEqual([false, "public"])
      expectVerdicts(p, opened.signatures, [valid])
    },
  },
  {
    title: "R6: encrypt makes a message that is encrypted and not signed",
    async run(p) {
      const alice = await newKey(p, "alice")
      const sealed = await p.encrypt(utf8("quiet"), { recipients: [alice.certificate] })
      const opened = await p.open(sealed, { decryptWith: [alice], verifyWith: [alice.certificate] })
      expect([opened.encrypted, text(opened.plaintext), opened.signatures]).toEqual([true, "quiet", []])
    },
  },
  {
    title: "A15: no flipped bit yields another text with a valid signature",
    async run(p) {
      const good = fromBase64(signatureFixtures.good)
      const bob = await secret(p, "bob")
      const alice = await p.inspect(certificate("alice"))
      for (let i = 0; i < 32; i++) {
        const bad = good.slice()
        const at = Math.floor(((i + 0.5) * good.length) / 32)
        bad[at] = (bad[at] ?? 0) ^ (1 << (i % 8))
        const opened = await p.open(bad, { decryptWith: [bob], verifyWith: [alice], now: NOW }).catch(() => undefined)
        if (opened?.signatures.some((one) => one.kind === "valid")) expect(text(opened.plaintext)).toBe(TEXT)
      }
    },
  },
  verdict("A20: a signature with SHA-1 is weak", "sha1", ["rsa"], [unusable("weak")]),
  verdict("A20: a signature by RSA with 1,024 bits is weak", "byWeakRsa", ["weakRsa"], [unusable("weak")]),
  verdict("an RSA primary key that signs and encrypts is valid", "byRsa", ["rsa"], [valid]),
  verdict(
    "A24: a critical notation that nobody knows makes a signature void",
    "criticalNotation",
    ["alice"],
    [{ kind: "unverified" }],
  ),
  verdict("A22: a signature from the future does not count yet", "future", ["alice"], [unusable("not-yet-valid")]),
  verdict("A22: and counts once its time has come", "future", ["alice"], [valid], new Date("2035-06-01T00:00:00Z")),
  verdict("A22: a signature older than its key does not count", "beforeTheKey", ["alice"], [unusable("not-yet-valid")]),
  verdict(
    "a signature with an end counts before it",
    "expiredSignature",
    ["alice"],
    [valid],
    new Date("2025-03-01T12:00:00Z"),
  ),
  verdict("a signature with an end does not count after it", "expiredSignature", ["alice"], [unusable("expired")]),
  verdict(
    "A21: a key that has expired since still vouches for what it signed before",
    "byExpiredEarly",
    ["expired"],
    [valid],
  ),
  verdict("A21: an expired key vouches for nothing it signs", "byExpiredLate", ["expired"], [unusable("expired")]),
  verdict("A21: a key retired since still vouches for what it signed before", "byStaleEarly", ["superseded"], [valid]),
  verdict(
    "A21: a retired key vouches for nothing it signs after",
    "byStaleLate",
    ["superseded"],
    [unusable("revoked")],
  ),
  verdict(
    "A21: a compromised key vouches for nothing, whatever the date",
    "byStaleEarly",
    ["compromised"],
    [unusable("revoked")],
  ),
  verdict(
    "A21: a key revoked without a reason vouches for nothing",
    "byStaleEarly",
    ["revokedWithoutReason"],
    [unusable("revoked")],
  ),
  {
    title: "R16: the signature of a subkey is reported under its primary key",
    async run(p) {
      const opened = await openAsBob(p, signatureFixtures.bySubkey, ["subkeyed"])
      const { fingerprint } = await p.inspect(certificate("subkeyed"))
      expectVerdicts(p, opened.signatures, [{ kind: "valid", certificate: fingerprint }])
    },
  },
  verdict(
    "A23: a signing subkey that never agreed does not count",
    "bySubkey",
    ["noBackSignature"],
    [unusable("no-sign-flag")],
  ),
  verdict(
    "A23: nor one for which the primary key agreed",
    "bySubkey",
    ["wrongBackSignature"],
    [unusable("no-sign-flag")],
  ),
  verdict("A23: nor one without the flag to sign", "bySubkey", ["noSignFlag"], [unusable("no-sign-flag")]),
  verdict("A23: nor one without any flags", "bySubkey", ["noFlagsAtAll"], [unusable("no-sign-flag")]),
  {
    title: "A23: whoever claims another's signing subkey gains no signature by it",
    async run(p) {
      const stolen = await p.inspect(certificate("stolenSubkey"))
      for (const known of [["stolenSubkey"], ["stolenSubkey", "subkeyed"], ["subkeyed", "stolenSubkey"]] as const) {
        const opened = await openAsBob(p, signatureFixtures.bySubkey, known)
        for (const one of opened.signatures) {
          expect(one.kind === "valid" && one.certificate === stolen.fingerprint).toBe(false)
        }
        if (known.length === 2) expectVerdicts(p, opened.signatures, [valid])
      }
    },
  },
  verdict("A21: a subkey that has expired since still vouches", "bySubkey", ["expiredSubkey"], [valid]),
  verdict("A21: an expired subkey does not", "bySubkeyLate", ["expiredSubkey"], [unusable("expired")]),
  verdict(
    "A21: a subkey superseded since still vouches for what it signed before",
    "bySubkey",
    ["supersededSubkey"],
    [valid],
  ),
  verdict(
    "A21: a superseded subkey vouches for nothing it signs after",
    "bySubkeyLate",
    ["supersededSubkey"],
    [unusable("revoked")],
  ),
  verdict(
    "A21: a compromised subkey vouches for nothing, whatever the date",
    "bySubkey",
    ["compromisedSubkey"],
    [unusable("revoked")],
  ),
  verdict(
    "A21: judged before it expired, an expired key vouches for what it had signed",
    "byExpiredEarly",
    ["expired"],
    [valid],
    new Date("2025-04-01T00:00:00Z"),
  ),
  verdict(
    "A21: judged before it was retired, a retired key vouches for what it had signed",
    "byStaleEarly",
    ["superseded"],
    [valid],
    new Date("2025-04-01T00:00:00Z"),
  ),
  verdict(
    "A21: judged before it was known to be compromised, a compromised key vouches for nothing all the same",
    "byStaleEarly",
    ["compromised"],
    [unusable("revoked")],
    new Date("2025-04-01T00:00:00Z"),
  ),
  verdict(
    "A22: judged a month before it was made, a signature does not count yet",
    "good",
    ["alice"],
    [unusable("not-yet-valid")],
    new Date("2025-02-01T00:00:00Z"),
  ),
  verdict(
    "A22: judged ten years later, a signature of a key without an end still counts",
    "good",
    ["alice"],
    [valid],
    new Date("2035-06-01T00:00:00Z"),
  ),
  {
    title: "R17 A21: what became of the signer's User ID since is told by inspect, and does not change the verdict",
    async run(p) {
      for (const [name, status] of [
        ["onlyUserIdRevoked", "revoked"],
        ["onlyUserIdExpired", "expired"],
      ] as const) {
        const { userIds, fingerprint } = await p.inspect(certificate(name), { now: NOW })
        expect(userIds.map((one) => one.status)).toEqual([status])
        const opened = await openAsBob(p, signatureFixtures.good, [name])
        expectVerdicts(p, opened.signatures, [{ kind: "valid", certificate: fingerprint }])
        const then = await p.inspect(certificate(name), { now: EARLY })
        expect(then.userIds.map((one) => one.status)).toEqual(["valid"])
      }
    },
  },
  {
    title: "R16: only the certificates of this call count, not those of an earlier one",
    async run(p) {
      const kinds = async (names: readonly CertificateName[]) =>
        (await openAsBob(p, signatureFixtures.good, names)).signatures
      expectVerdicts(p, await kinds(["alice"]), [valid])
      expectVerdicts(p, await kinds(["mallory"]), [unknown])
      expectVerdicts(p, await kinds([]), [unknown])
    },
  },
  verdict(
    "A23: a primary key that may only certify does not sign",
    "good",
    ["certifyOnly"],
    [unusable("no-sign-flag")],
  ),
]
