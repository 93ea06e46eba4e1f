import type { Opened } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { bogus, judges, opens, type Planted } from "./plant.ts"

const isValid = (one: { kind: string }) => one.kind === "valid"

/** Wrong about signatures. */
export const verdicts: readonly Planted[] = [
  {
    how: "says valid where the arithmetic failed",
    caught: [],
    plant: judges((s) => (s.kind === "invalid" ? bogus : s)),
  },
  {
    how: "calls a forgery an unknown key",
    caught: [],
    plant: judges((s) => (s.kind === "invalid" ? { kind: "unverified", reason: "unknown-key" } : s)),
  },
  {
    how: "reports the first signature only",
    caught: [],
    plant: opens((o) => ({ ...o, signatures: o.signatures.slice(0, 1) })),
  },
  {
    how: "is content with one good signature of several",
    caught: [],
    plant: opens((o) => (o.signatures.some(isValid) ? { ...o, signatures: o.signatures.filter(isValid) } : o)),
  },
  {
    how: "falls back to unsigned as if it were signed",
    caught: [],
    plant: opens((o) => (o.signatures.length === 0 ? { ...o, signatures: [bogus] } : o)),
  },
  {
    how: "verifies by whatever key it finds",
    caught: [],
    plant: judges((s) => (s.kind === "unverified" && s.reason === "unknown-key" ? bogus : s)),
  },
  {
    how: "does not ask whether the key may be used",
    caught: [],
    plant: judges((s) => {
      if (s.kind !== "unverified" || s.reason !== "unusable-key") return s
      return { kind: "valid", certificate: s.certificate, signedAt: new Date(0) }
    }),
  },
  {
    how: "lets revoked keys sign what they say is older",
    caught: [],
    plant: judges((s) => {
      if (s.kind !== "unverified" || s.reason !== "unusable-key" || s.because !== "revoked") return s
      return { kind: "valid", certificate: s.certificate, signedAt: new Date(0) }
    }),
  },
  {
    how: "calls every key that does not count expired",
    caught: [],
    plant: judges((s) => (s.kind === "unverified" && s.reason === "unusable-key" ? { ...s, because: "expired" } : s)),
  },
  {
    how: "calls every key that does not count revoked",
    caught: [],
    plant: judges((s) => (s.kind === "unverified" && s.reason === "unusable-key" ? { ...s, because: "revoked" } : s)),
  },
  {
    how: "judges the signer as of today, not of when it signed",
    caught: [],
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
    caught: [],
    plant: judges((s) => (s.kind === "valid" ? { kind: "unverified", reason: "undetermined" } : s)),
  },
  {
    how: "overlooks critical notations",
    caught: [],
    plant: judges((s) => (s.kind === "unverified" && s.reason === "undetermined" ? bogus : s)),
  },
  {
    how: "gives the moment of opening as that of signing",
    caught: [],
    plant: judges((s) => (s.kind === "valid" ? { ...s, signedAt: new Date() } : s)),
  },
  {
    how: "reports the fingerprint of the subkey that signed",
    caught: [],
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
    caught: [],
    plant: judges((s) =>
      s.kind === "unverified" && s.reason === "unknown-key" ? { ...s, issuer: s.issuer?.slice(-8) } : s,
    ),
  },
  {
    how: "keeps the text of an unknown signer to itself",
    caught: [],
    plant: opens((o) =>
      o.signatures.some((s) => s.kind === "unverified" && s.reason === "unknown-key")
        ? { ...o, plaintext: new Uint8Array() }
        : o,
    ),
  },
  {
    how: "keeps the text of a forgery to itself",
    caught: [],
    plant: opens((o) => (o.signatures.some((s) => s.kind === "invalid") ? { ...o, plaintext: new Uint8Array() } : o)),
  },
  {
    how: "remembers what it once said of a message",
    caught: [],
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
    caught: [],
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
    caught: [],
    plant: (good) => ({
      open: (message, { now: _, ...options }) => good.open(message, options),
      openWithSessionKey: async (message, { now: _, ...options }) =>
        (await good.openWithSessionKey?.(message, options)) as Opened,
    }),
  },
  {
    how: "makes no verdicts where it was given a session key",
    caught: [],
    plant: (good) => ({
      openWithSessionKey: async (message, options) =>
        ({ ...(await good.openWithSessionKey?.(message, options)), signatures: [] }) as unknown as Opened,
    }),
  },
  {
    how: "does not hand on whom a session key was for",
    caught: [],
    plant: (good) => ({
      openWithSessionKey: async (message, { encryptedTo: _, ...options }) =>
        (await good.openWithSessionKey?.(message, options)) as Opened,
    }),
  },
  {
    how: "wipes a session key that it was only lent",
    caught: [],
    plant: (good) => ({
      openWithSessionKey: async (message, options) => {
        const opened = (await good.openWithSessionKey?.(message, options)) as Opened
        options.sessionKey.bytes.fill(0)
        return opened
      },
    }),
  },
]
