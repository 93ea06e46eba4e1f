import { cryptoProviderCases, runCase } from "@aurochs/conformance"
import type { CryptoProvider, Opened, SignatureVerdict } from "@aurochs/crypto"
import { describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"

// The suite must catch engines that are wrong in the ways engines have been wrong.

interface Broken {
  readonly how: string
  /** Part of the title of a case that must fail. */
  readonly caught: string
  break(good: CryptoProvider): Partial<CryptoProvider>
}

function opens(change: (opened: Opened) => Opened | Promise<Opened>): Broken["break"] {
  return (good) => ({ open: async (message, options) => change(await good.open(message, options)) })
}

const bogus: SignatureVerdict = { kind: "valid", certificate: "A".repeat(40), signedAt: new Date(0) }

const broken: readonly Broken[] = [
  {
    how: "says valid where the arithmetic failed",
    caught: "another text under a real signature",
    break: opens((o) => ({
      ...o,
      signatures: o.signatures.map((s) => (s.kind === "invalid" ? { ...bogus } : s)),
    })),
  },
  {
    how: "calls a forgery an unknown key",
    caught: "another text under a real signature",
    break: opens((o) => ({
      ...o,
      signatures: o.signatures.map((s) =>
        s.kind === "invalid" ? { kind: "unverified" as const, reason: "unknown-key" as const } : s,
      ),
    })),
  },
  {
    how: "reports the first signature only",
    caught: "two signatures, one unknown",
    break: opens((o) => ({ ...o, signatures: o.signatures.slice(0, 1) })),
  },
  {
    how: "is content with one good signature of several",
    caught: "two signatures, one over another text",
    break: opens((o) => {
      const good = o.signatures.filter((s) => s.kind === "valid")
      return good.length > 0 ? { ...o, signatures: good } : o
    }),
  },
  {
    how: "falls back to unsigned as if it were signed",
    caught: "an unsigned message has no verdict",
    break: opens((o) => (o.signatures.length === 0 ? { ...o, signatures: [bogus] } : o)),
  },
  {
    how: "calls everything encrypted",
    caught: "only signed never passes for an encrypted one",
    break: opens((o) => ({ ...o, encrypted: true })),
  },
  {
    how: "decodes the text and encodes it again",
    caught: "every byte of the text survives",
    break: opens((o) => ({ ...o, plaintext: new TextEncoder().encode(new TextDecoder().decode(o.plaintext)) })),
  },
  {
    how: "ignores now when it opens",
    caught: "and counts once its time has come",
    break: (good) => ({ open: (message, { now: _, ...options }) => good.open(message, options) }),
  },
  {
    how: "ignores now when it inspects",
    caught: "before its revocation it is valid",
    break: (good) => ({ inspect: (bytes) => good.inspect(bytes) }),
  },
  {
    how: "takes every User ID for valid",
    caught: "a User ID without any signature is unsigned",
    break: (good) => ({
      inspect: async (bytes, options) => {
        const info = await good.inspect(bytes, options)
        return { ...info, userIds: info.userIds.map(({ text }) => ({ text, status: "valid" })) }
      },
    }),
  },
  {
    how: "leaves unusable recipients out and sends to the others",
    caught: "one unusable recipient refuses the whole message",
    break: (good) => ({
      signcrypt: async (plaintext, options) => {
        const infos = await Promise.all(options.recipients.map((one) => good.inspect(one.bytes, options)))
        return good.signcrypt(plaintext, { ...options, recipients: infos.filter((one) => one.canEncrypt) })
      },
    }),
  },
  {
    how: "encrypts without signing",
    caught: "signcrypt to two recipients",
    break: (good) => ({ signcrypt: (plaintext, options) => good.encrypt(plaintext, options) }),
  },
  {
    how: "reads the first of several messages",
    caught: "two messages in one",
    break: (good) => ({
      open: async (message, options) => {
        for (let end = message.length; end > 0; end--) {
          const opened = await good.open(message.subarray(0, end), options).catch(() => undefined)
          if (opened !== undefined) return opened
        }
        return good.open(message, options)
      },
    }),
  },
  {
    how: "has no limits",
    caught: "48 MiB from 48 KiB",
    break: (good) => ({
      open: (message, options) => good.open(message, { ...options, limits: { maxPlaintextBytes: 2 ** 30 } }),
    }),
  },
  {
    how: "ignores the limits of a call",
    caught: "limits of a call are held",
    break: (good) => ({ open: (message, { limits: _, ...options }) => good.open(message, options) }),
  },
  {
    how: "ignores signals",
    caught: "an aborted signal ends every call",
    break: (good) => ({ generate: (spec) => good.generate(spec) }),
  },
  {
    how: "puts the passphrase into its errors",
    caught: "errors quote neither",
    break: (good) => ({
      importSecret: async (secret, options) => {
        try {
          return await good.importSecret(secret, options)
        } catch (error) {
          const said = new TextDecoder().decode(options?.passphrase)
          throw Object.assign(error as Error, { cause: new Error(`bad passphrase: ${said}`) })
        }
      },
    }),
  },
  {
    how: "keeps a disposed key usable",
    caught: "a disposed secret key does nothing",
    break: (good) => ({
      importSecret: async (secret, options) => {
        const keys = await good.importSecret(secret, options)
        for (const key of keys) Object.assign(key, { [Symbol.asyncDispose]: async () => {} })
        return keys
      },
    }),
  },
  {
    how: "reads only the first of several secret keys",
    caught: "several secret keys one after another",
    break: (good) => ({
      importSecret: async (secret, options) => (await good.importSecret(secret, options)).slice(0, 1),
    }),
  },
  {
    how: "minimizes nothing",
    caught: "minimize keeps one User ID",
    break: (good) => ({ minimize: async (bytes) => good.inspect(bytes) }),
  },
  {
    how: "merges by taking the first copy",
    caught: "merge takes a revocation over",
    break: (good) => ({ merge: async (bytes) => good.inspect(bytes) }),
  },
  {
    how: "folds the case of a backup code",
    caught: "case and dashes count",
    break: ({ secrets }) => ({
      ...(secrets && {
        secrets: {
          ...secrets,
          encryptWithPassword: (plaintext, o) =>
            secrets.encryptWithPassword(plaintext, { ...o, password: o.password.toLowerCase() }),
          decryptWithPassword: (message, o) =>
            secrets.decryptWithPassword(message, { ...o, password: o.password.toLowerCase() }),
        },
      }),
    }),
  },
]

describe("an engine that is broken is caught", () => {
  for (const { how, caught, break: breaks } of broken) {
    it(`${how} (by: ${caught})`, async () => {
      const found = cryptoProviderCases.filter((one) => one.title.includes(caught))
      expect(found).toHaveLength(1)
      const good = openpgpjs()
      for (const one of found) {
        expect((await runCase(one, good)).outcome).toBe("passed")
        expect((await runCase(one, { ...good, ...breaks(good) })).outcome).toBe("failed")
      }
    })
  }

  it("an engine that only reports good signatures, and changes no certificates, passes or is skipped with a reason", async () => {
    const { lifecycle: _l, secrets: _s, ...good } = openpgpjs()
    const modest: CryptoProvider = {
      ...good,
      verdicts: "valid-only",
      open: async (message, options) => {
        const opened = await good.open(message, options)
        return { ...opened, signatures: opened.signatures.filter((s) => s.kind === "valid") }
      },
    }
    const results = await Promise.all(cryptoProviderCases.map((one) => runCase(one, modest)))
    const failed = cryptoProviderCases.filter((_, i) => results[i]?.outcome === "failed").map((one) => one.title)
    expect(failed).toEqual([])
    expect(results.filter((one) => one.outcome === "skipped").length).toBeGreaterThan(5)
  })
})
