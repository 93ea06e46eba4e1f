import type { Opened, SignatureVerdict } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { bogus, judges, opens, type Planted } from "./plant.ts"

const isValid = (one: { kind: string }) => one.kind === "valid"

/** Wrong about signatures. */
export const verdicts: readonly Planted[] = [
  {
    how: "takes what stands before a text for a signature of whoever it was given",
    caught: ["a signature before its text (RFC 9580 §10.3) counts for that text and its signer only, or is not read"],
    plant: (good) => ({
      async open(message, options) {
        const opened = await good.open(message, options)
        const [given] = options.verifyWith
        if (given === undefined || opened.signatures.length === 0) return opened
        return { ...opened, signatures: [{ ...bogus, certificate: given.fingerprint }] }
      },
    }),
  },
  {
    how: "looks only at who made a signature that stands before a text",
    caught: ["a signature before its text (RFC 9580 §10.3) counts for that text and its signer only, or is not read"],
    plant: (good) => ({
      async open(message, options) {
        const opened = await good.open(message, options)
        // 0xc2: a signature packet, with which no other message begins.
        const counts = (one: SignatureVerdict) => message[0] === 0xc2 && one.kind === "invalid"
        const certificate = options.verifyWith[0]?.fingerprint
        if (certificate === undefined) return opened
        return {
          ...opened,
          signatures: opened.signatures.map((one) => (counts(one) ? { ...bogus, certificate } : one)),
        }
      },
    }),
  },
  {
    how: "says valid where the arithmetic failed",
    caught: [
      "A1: a signature that names other recipients is not valid",
      "A24: a signature that claims another issuer is not theirs",
      "R15 A25: another text under a real signature is invalid",
    ],
    plant: judges((s) => (s.kind === "invalid" ? bogus : s)),
  },
  {
    how: "calls a forgery an unknown key",
    caught: ["R15 A25: another text under a real signature is invalid"],
    plant: judges((s) => (s.kind === "invalid" ? { kind: "unverified", reason: "unknown-key" } : s)),
  },
  {
    how: "reports the first signature only",
    caught: ["A26: two signatures, both known: two verdicts"],
    plant: opens((o) => ({ ...o, signatures: o.signatures.slice(0, 1) })),
  },
  {
    how: "is content with one good signature of several",
    caught: [
      "A26: two signatures, one over another text: each has its own verdict",
      "A26: two signatures, one unknown: both are reported",
    ],
    plant: opens((o) => (o.signatures.some(isValid) ? { ...o, signatures: o.signatures.filter(isValid) } : o)),
  },
  {
    how: "falls back to unsigned as if it were signed",
    caught: [
      "R3 A3: an unsigned message has no verdict at all",
      "R6: encrypt makes a message that is encrypted and not signed",
    ],
    plant: opens((o) => (o.signatures.length === 0 ? { ...o, signatures: [bogus] } : o)),
  },
  {
    how: "verifies by whatever key it finds",
    caught: [
      "R16: only the certificates of this call count, not those of an earlier one",
      "R16: somebody else's good signature is an unknown key",
      "R16: without certificates every signer is unknown",
    ],
    plant: judges((s) => (s.kind === "unverified" && s.reason === "unknown-key" ? bogus : s)),
  },
  {
    how: "does not ask whether the key may be used",
    caught: ["a signature with an end does not count after it"],
    plant: judges((s) => {
      if (s.kind !== "unverified" || s.reason !== "unusable-key") return s
      return { kind: "valid", certificate: s.certificate, signedAt: new Date(0) }
    }),
  },
  {
    how: "lets revoked keys sign what they say is older",
    caught: [
      "A21: a compromised key vouches for nothing, whatever the date",
      "A21: a compromised subkey vouches for nothing, whatever the date",
      "A21: a key revoked without a reason vouches for nothing",
      "A21: a retired key vouches for nothing it signs after",
      "A21: a superseded subkey vouches for nothing it signs after",
      "A21: judged before it was known to be compromised, a compromised key vouches for nothing all the same",
    ],
    plant: judges((s) => {
      if (s.kind !== "unverified" || s.reason !== "unusable-key" || s.because !== "revoked") return s
      return { kind: "valid", certificate: s.certificate, signedAt: new Date(0) }
    }),
  },
  {
    how: "calls every key that does not count expired",
    caught: ["A20: a signature with SHA-1 is weak"],
    plant: judges((s) => (s.kind === "unverified" && s.reason === "unusable-key" ? { ...s, because: "expired" } : s)),
  },
  {
    how: "calls every key that does not count revoked",
    caught: [
      "A20: a signature by RSA with 1,024 bits is weak",
      "A20: a signature with SHA-1 is weak",
      "A21: an expired key vouches for nothing it signs",
      "A21: an expired subkey does not",
      "A22: a signature from the future does not count yet",
      "A22: a signature older than its key does not count",
      "A23: a primary key that may only certify does not sign",
      "A23: a signing subkey that never agreed does not count",
      "A23: nor one for which the primary key agreed",
      "A23: nor one without any flags",
      "A23: nor one without the flag to sign",
      "a signature with an end does not count after it",
    ],
    plant: judges((s) => (s.kind === "unverified" && s.reason === "unusable-key" ? { ...s, because: "revoked" } : s)),
  },
  {
    how: "judges the signer as of today, not of when it signed",
    caught: [
      "A21: a key retired since still vouches for what it signed before",
      "A21: a key that has expired since still vouches for what it signed before",
    ],
    plant: (good) => ({
      async open(message, options) {
        const opened = await good.open(message, options)
        const infos = await Promise.all(options.verifyWith.map((one) => good.inspect(one.bytes, options)))
        const isGone = (fingerprint: string) => infos.some((i) => i.fingerprint === fingerprint && !i.canSign)
        const signatures = opened.signatures.map((s) =>
          s.kind === "valid" && isGone(s.certificate)
            ? ({ kind: "unverified", reason: "unusable-key", certificate: s.certificate, because: "expired" } as const)
            : s,
        )
        return { ...opened, signatures }
      },
    }),
  },
  {
    how: "cannot say of any signature whether it is good",
    caught: [
      "A1: a signature that names its recipients, us among them, is valid",
      "A21: a subkey superseded since still vouches for what it signed before",
      "A21: a subkey that has expired since still vouches",
      "A21: judged before it expired, an expired key vouches for what it had signed",
      "A21: judged before it was retired, a retired key vouches for what it had signed",
      "A22: judged ten years later, a signature of a key without an end still counts",
      "ZIP, ZLIB and BZIP2 are read within the limits",
      "an RSA primary key that signs and encrypts is valid",
      "encryption to an RSA primary key that signs too is read",
      "partial lengths are read",
    ],
    plant: judges((s) => (s.kind === "valid" ? { kind: "unverified", reason: "undetermined" } : s)),
  },
  {
    how: "overlooks critical notations",
    caught: ["A24: a critical notation that nobody knows makes a signature void"],
    plant: judges((s) => (s.kind === "unverified" && s.reason === "undetermined" ? bogus : s)),
  },
  {
    how: "gives the moment of opening as that of signing",
    caught: [
      "R15: a good message of another engine is valid, with its signer and the time of signing",
      "now decides: the signature carries it, and a key is unusable before it was made",
      "now in the future: the signature is of then, and does not count before (A22)",
    ],
    plant: judges((s) => (s.kind === "valid" ? { ...s, signedAt: new Date() } : s)),
  },
  {
    how: "reports the fingerprint of the subkey that signed",
    caught: ["R16: the signature of a subkey is reported under its primary key"],
    plant: (good) => ({
      async open(message, options) {
        const opened = await good.open(message, options)
        const subkeys = new Map<string, string>()
        for (const { fingerprint, bytes } of options.verifyWith) {
          const key = await pgp.readKey({ binaryKey: bytes })
          const signing = key.subkeys.find((one) => one.bindingSignatures.some((b) => (b.keyFlags?.[0] ?? 0) & 2))
          if (signing !== undefined) subkeys.set(fingerprint, signing.getFingerprint().toUpperCase())
        }
        const named = (fingerprint: string) => subkeys.get(fingerprint) ?? fingerprint
        const signatures = opened.signatures.map((s) =>
          s.kind === "valid" ? { ...s, certificate: named(s.certificate) as typeof s.certificate } : s,
        )
        return { ...opened, signatures }
      },
    }),
  },
  {
    how: "names an unknown signer by its short key ID",
    caught: ["an unknown signer is named by its issuer, where the engine tells"],
    plant: judges((s) =>
      s.kind === "unverified" && s.reason === "unknown-key" ? { ...s, issuer: s.issuer?.slice(-8) } : s,
    ),
  },
  {
    how: "keeps the text of an unknown signer to itself",
    caught: ["the text of an unknown signer's message is not lost"],
    plant: opens((o) =>
      o.signatures.some((s) => s.kind === "unverified" && s.reason === "unknown-key")
        ? { ...o, plaintext: new Uint8Array() }
        : o,
    ),
  },
  {
    how: "keeps the text of a forgery to itself",
    caught: ["A25: the text that is returned is the one the signatures were checked over"],
    plant: opens((o) => (o.signatures.some((s) => s.kind === "invalid") ? { ...o, plaintext: new Uint8Array() } : o)),
  },
  {
    how: "remembers what it once said of a message",
    caught: ["A23: whoever claims another's signing subkey gains no signature by it"],
    plant: (good) => {
      const seen = new Map<string, Promise<Opened>>()
      return {
        open(message, options) {
          const key = message.join()
          const opened = seen.get(key) ?? good.open(message, options)
          seen.set(key, opened)
          return opened
        },
      }
    },
  },
  {
    how: "takes any key that a User ID was taken from for revoked",
    caught: ["R17 A21: what became of the signer's User ID since is told by inspect, and does not change the verdict"],
    plant: (good) => ({
      async open(message, options) {
        const opened = await good.open(message, options)
        const infos = await Promise.all(options.verifyWith.map((one) => good.inspect(one.bytes, options)))
        const bad = infos.filter((i) =>
          i.userIds.some((user) => user.status === "revoked" || user.status === "expired"),
        )
        const signatures = opened.signatures.map((s) =>
          s.kind === "valid" && bad.some((i) => i.fingerprint === s.certificate)
            ? ({ kind: "unverified", reason: "unusable-key", certificate: s.certificate, because: "revoked" } as const)
            : s,
        )
        return { ...opened, signatures }
      },
    }),
  },
  {
    how: "ignores now when it opens",
    caught: [
      "A22: and counts once its time has come",
      "A22: judged a month before it was made, a signature does not count yet",
      "a signature with an end counts before it",
    ],
    plant: (good) => ({
      open: (message, { now: _, ...options }) => good.open(message, options),
      openWithSessionKey: async (message, { now: _, ...options }) =>
        (await good.openWithSessionKey?.(message, options)) as Opened,
    }),
  },
  {
    how: "makes no verdicts where it was given a session key",
    caught: [
      "A22: now decides with a session key too",
      "R15 A25: with its session key a good message is valid and a forged one is not",
    ],
    plant: (good) => ({
      openWithSessionKey: async (message, options) =>
        ({ ...(await good.openWithSessionKey?.(message, options)), signatures: [] }) as unknown as Opened,
    }),
  },
  {
    how: "does not hand on whom a session key was for",
    caught: ["A1: whom it was encrypted to is what the caller says, and a signature for others is not valid"],
    plant: (good) => ({
      openWithSessionKey: async (message, { encryptedTo: _, ...options }) =>
        (await good.openWithSessionKey?.(message, options)) as Opened,
    }),
  },
  {
    how: "wipes a session key that it was only lent",
    caught: ["the session key that is handed over is not changed"],
    plant: (good) => ({
      openWithSessionKey: async (message, options) => {
        const opened = (await good.openWithSessionKey?.(message, options)) as Opened
        options.sessionKey.bytes.fill(0)
        return opened
      },
    }),
  },
]
