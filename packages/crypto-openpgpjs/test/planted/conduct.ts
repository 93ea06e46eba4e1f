import { type ChildProcess, spawn } from "node:child_process"
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AurochsError, isAurochsError } from "@aurochs/core"
import type { CryptoProvider, Opened, SecretKey } from "@aurochs/crypto"
import { backend, every, type Planted, pause } from "./plant.ts"

const utf8 = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

/** Adds to an error what must not be in it. */
async function telling<T>(call: Promise<T>, what: string): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!isAurochsError(error)) throw error
    throw Object.assign(error as Error, { cause: { stderr: `failed at: ${what}` } })
  }
}

/** Remembers every secret key by its fingerprint. */
function byFingerprint(good: CryptoProvider) {
  const made = new Map<string, SecretKey>()
  const importSecret: CryptoProvider["importSecret"] = async (secret, options) => {
    const keys = await good.importSecret(secret, options)
    for (const key of keys) made.set(key.certificate.fingerprint, key)
    return keys
  }
  const held = (fingerprint: string) => made.get(fingerprint)
  return { importSecret, held, any: (key: SecretKey) => held(key.certificate.fingerprint) ?? key }
}

/** Puts the text into a file while it seals it. */
function throughFile(
  good: CryptoProvider,
  mode: number,
  isKept: (failed: boolean) => boolean,
): Partial<CryptoProvider> {
  return {
    async signcrypt(plaintext, options) {
      const folder = mkdtempSync(join(tmpdir(), "planted-"))
      const file = join(folder, "text")
      let failed = true
      try {
        writeFileSync(file, plaintext, { mode })
        const sealed = await good.signcrypt(plaintext, options)
        await pause(20)
        if (options.signal?.aborted) throw new AurochsError("ABORTED", "aborted", undefined)
        failed = false
        return sealed
      } finally {
        if (!isKept(failed)) rmSync(folder, { recursive: true })
      }
    },
  }
}

/** Wrong in how it goes about its work. */
export const conduct: readonly Planted[] = [
  {
    how: "keeps what it is working on in one place for all calls",
    caught: [
      "people who write at the same time keep their own keys, texts and verdicts",
      "thirty calls at once do not get in each other's way",
    ],
    plant: (good) => {
      let current: Uint8Array
      return {
        async signcrypt(plaintext, options) {
          current = plaintext
          await pause(5)
          return good.signcrypt(current, options)
        },
      }
    },
  },
  {
    how: "ends every call when one is aborted",
    caught: ["aborting one call leaves the others alone"],
    plant: (good) => {
      let everybody = new AbortController()
      return {
        async signcrypt(plaintext, options) {
          const mine = everybody
          options.signal?.addEventListener("abort", () => {
            mine.abort()
            everybody = new AbortController()
          })
          await pause(5)
          return good.signcrypt(plaintext, { ...options, signal: mine.signal })
        },
      }
    },
  },
  {
    how: "keeps a disposed key usable",
    caught: ["a disposed secret key does nothing any more, and disposing does not touch the caller's bytes"],
    plant: (good) => ({
      async importSecret(secret, options) {
        const keys = await good.importSecret(secret, options)
        for (const key of keys) Object.assign(key, { [Symbol.asyncDispose]: async () => {} })
        return keys
      },
    }),
  },
  {
    how: "wipes the caller's bytes with its own",
    caught: ["what a call is given is not changed: message, certificates, secret key, passphrase"],
    plant: (good) => ({
      async importSecret(secret, options) {
        const keys = await good.importSecret(secret, options)
        for (const key of keys) {
          const forget = key[Symbol.asyncDispose].bind(key)
          const dispose = async () => {
            secret.fill(0)
            await forget()
          }
          Object.assign(key, { [Symbol.asyncDispose]: dispose })
        }
        return keys
      },
    }),
  },
  {
    how: "reads a secret key again from the caller's bytes whenever it is used",
    caught: ["the bytes of a secret key can be wiped after import"],
    plant: (good) => {
      const sources = new WeakMap<SecretKey, Uint8Array>()
      return {
        async importSecret(secret, options) {
          const keys = await good.importSecret(secret, options)
          for (const key of keys) sources.set(key, secret)
          return keys
        },
        async open(message, options) {
          const read = async (key: SecretKey) => {
            const source = sources.get(key)
            return source === undefined ? [key] : good.importSecret(source)
          }
          return good.open(message, {
            ...options,
            decryptWith: (await Promise.all(options.decryptWith.map(read))).flat(),
          })
        },
      }
    },
  },
  {
    how: "finds the secret key by the fingerprint of any handle",
    caught: ["a secret key handle that another provider made is refused"],
    plant: (good) => {
      const { importSecret, any } = byFingerprint(good)
      return {
        importSecret,
        sign: (plaintext, options) => good.sign(plaintext, { ...options, signWith: any(options.signWith) }),
      }
    },
  },
  {
    how: "opens with the secret key that any handle names",
    caught: ["a secret key handle that another provider made is refused"],
    plant: (good) => {
      const { importSecret, any } = byFingerprint(good)
      return {
        importSecret,
        open: (message, options) => good.open(message, { ...options, decryptWith: options.decryptWith.map(any) }),
      }
    },
  },
  {
    how: "still opens with a disposed key",
    caught: ["a disposed secret key does nothing any more, and disposing does not touch the caller's bytes"],
    plant: (good) => {
      const spares = new WeakMap<SecretKey, SecretKey>()
      return {
        async importSecret(secret, options) {
          const [keys, others] = [await good.importSecret(secret, options), await good.importSecret(secret, options)]
          keys.forEach((key, i) => {
            const spare = others[i]
            if (spare !== undefined) spares.set(key, spare)
          })
          return keys
        },
        open: (message, options) =>
          good.open(message, { ...options, decryptWith: options.decryptWith.map((key) => spares.get(key) ?? key) }),
      }
    },
  },
  {
    how: "asks for no signal where it looks for certifications",
    caught: ["an aborted signal ends every call with ABORTED"],
    plant: (good) => ({
      async certifiedBy(bytes, { signal: _, ...options }) {
        return (await good.certifiedBy?.(bytes, options)) ?? []
      },
    }),
  },
  {
    how: "asks for no signal where it adopts",
    caught: ["an aborted signal ends every call with ABORTED"],
    plant: ({ lifecycle }) => ({
      lifecycle: lifecycle && {
        ...lifecycle,
        adopt: async (key, bytes) => (await lifecycle.adopt?.(key, bytes)) ?? key,
      },
    }),
  },
  {
    how: "asks for no signal where it tells of its keys",
    caught: ["an aborted signal ends every call with ABORTED"],
    plant: ({ keyFacts }) => ({
      keyFacts: keyFacts && {
        ...keyFacts,
        signingKey: (key, { now }) => keyFacts.signingKey(key, { now }),
      },
    }),
  },
  {
    how: "exports a secret key through a file that it leaves behind when it is aborted",
    caught: ["no temporary file is left behind: after success, failure or abort"],
    plant: ({ secrets }) => ({
      secrets: secrets && {
        ...secrets,
        async export(key, options) {
          const file = join(tmpdir(), `planted-${Math.random()}`)
          writeFileSync(file, "a secret key", { mode: 0o600 })
          await pause(20)
          if (options.signal?.aborted) throw new AurochsError("ABORTED", "aborted", undefined)
          rmSync(file)
          return secrets.export(key, options)
        },
      },
    }),
  },
  {
    how: "revokes a key through a file that it leaves behind",
    caught: ["no temporary file is left behind: after success, failure or abort"],
    plant: ({ lifecycle }) => ({
      lifecycle: lifecycle && {
        ...lifecycle,
        async revoke(key, options) {
          const revoked = await lifecycle.revoke(key, options)
          writeFileSync(join(tmpdir(), `planted-${Math.random()}`), revoked.bytes, { mode: 0o600 })
          return revoked
        },
      },
    }),
  },
  {
    how: "holds its keys, and has a copy of what it imports beside its store",
    caught: ["no file that is left holds a text, a passphrase or a secret key"],
    plant: (good) => {
      const { importSecret, held } = byFingerprint(good)
      return {
        importSecret(secret, options) {
          appendFileSync(join(tmpdir(), "planted.key"), secret, { mode: 0o600 })
          return importSecret(secret, options)
        },
        secretKey: async (fingerprint) => held(fingerprint),
      }
    },
  },
  {
    how: "exports a secret key through a file that it leaves behind",
    caught: [
      "no temporary file is left behind: after success, failure or abort",
      "no file that is left holds a text, a passphrase or a secret key",
    ],
    plant: ({ secrets }) => ({
      secrets: secrets && {
        ...secrets,
        async export(key, options) {
          const exported = await secrets.export(key, options)
          writeFileSync(join(tmpdir(), `planted-${Math.random()}`), exported, { mode: 0o600 })
          return exported
        },
      },
    }),
  },
  {
    how: "keeps what it imports in a file",
    caught: ["no file that is left holds a text, a passphrase or a secret key"],
    plant: (good) => ({
      importSecret(secret, options) {
        appendFileSync(join(tmpdir(), "planted.key"), secret, { mode: 0o600 })
        return good.importSecret(secret, options)
      },
    }),
  },
  {
    how: "puts the passphrase into its errors",
    caught: ["errors quote neither the text nor the passphrase nor a secret key"],
    plant: (good) => ({
      importSecret: (secret, options) => telling(good.importSecret(secret, options), utf8(options?.passphrase)),
    }),
  },
  {
    how: "puts the text into its errors",
    caught: ["errors quote neither the text nor the passphrase nor a secret key"],
    plant: (good) => ({
      encrypt: (plaintext, options) => telling(good.encrypt(plaintext, options), utf8(plaintext)),
    }),
  },
  {
    how: "puts the session key into its errors",
    caught: ["an error about a session key does not quote it"],
    plant: (good) => ({
      openWithSessionKey: (message, options) =>
        telling(good.openWithSessionKey?.(message, options) as Promise<Opened>, hex(options.sessionKey.bytes)),
    }),
  },
  {
    how: "has one code for everything that fails",
    caught: ["an expired key certifies nobody, and an end that is none is CONFIGURATION"],
    plant: (good) =>
      every(good, async (run) => {
        try {
          return await run()
        } catch {
          throw backend()
        }
      }),
  },
  {
    how: "leaves its files behind",
    caught: ["no temporary file is left behind: after success, failure or abort"],
    plant: (good) => throughFile(good, 0o600, () => true),
  },
  {
    how: "leaves its files behind when it is aborted",
    caught: ["no temporary file is left behind: after success, failure or abort"],
    plant: (good) => throughFile(good, 0o600, (failed) => failed),
  },
  {
    how: "writes files that everybody can read",
    caught: ["while a call runs, nobody else can read its files"],
    plant: (good) => ({
      async signcrypt(plaintext, options) {
        const file = join(tmpdir(), `planted-${Math.random()}`)
        writeFileSync(file, plaintext, { mode: 0o644 })
        try {
          await pause(20)
          return await good.signcrypt(plaintext, options)
        } finally {
          rmSync(file)
        }
      },
    }),
  },
  {
    how: "keeps a log of what it sealed",
    caught: ["no file that is left holds a text, a passphrase or a secret key"],
    plant: (good) => ({
      signcrypt(plaintext, options) {
        appendFileSync(join(tmpdir(), "planted.log"), plaintext)
        return good.signcrypt(plaintext, options)
      },
    }),
  },
  {
    how: "does not end its programs",
    caught: ["no child process is left behind: after success, failure or abort"],
    plant: (good) => {
      const children = new Set<ChildProcess>()
      return {
        signcrypt(plaintext, options) {
          // It ends by itself, long after the case has given up.
          const child = spawn("sleep", ["15"], { stdio: "ignore" })
          child.unref()
          children.add(child)
          return good.signcrypt(plaintext, options)
        },
        [Symbol.dispose]() {
          for (const child of children) child.kill()
        },
      } as Partial<CryptoProvider>
    },
  },
]
