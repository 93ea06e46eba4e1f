import { AurochsError, isAurochsError } from "@aurochs/core"
import type { CryptoProvider, KeyLifecycle, SecretKey, SecretTransfer } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { backend, type Planted, unless } from "./plant.ts"

function transfers(change: (good: SecretTransfer) => Partial<SecretTransfer>): Planted["plant"] {
  return ({ secrets }) => (secrets === undefined ? {} : { secrets: { ...secrets, ...change(secrets) } })
}

function lives(change: (good: KeyLifecycle, provider: CryptoProvider) => Partial<KeyLifecycle>): Planted["plant"] {
  return (good) => {
    const { lifecycle } = good
    return lifecycle === undefined ? {} : { lifecycle: { ...lifecycle, ...change(lifecycle, good) } }
  }
}

const folded = (password: string) => password.toLowerCase().replaceAll("-", "").trim()

/** Wrong about secret keys, passwords, and the life of a key. */
export const secrets: readonly Planted[] = [
  {
    how: "reads only the first of several secret keys",
    caught: ["R40: several secret keys one after another are all read, in order"],
    plant: (good) => ({
      importSecret: async (secret, options) => (await good.importSecret(secret, options)).slice(0, 1),
    }),
  },
  {
    how: "takes what is no secret key for none",
    caught: [
      "A18: a secret key that asks for too much Argon2 memory is refused before any work",
      "garbage, armor and certificates are no secret key",
      "the secret part of another key under a public part is BAD_DATA",
    ],
    plant: (good) => ({
      importSecret: (secret, options) => unless(good.importSecret(secret, options), "BAD_DATA", () => []),
    }),
  },
  {
    how: "takes a wrong passphrase for none",
    caught: ["a locked secret key needs its passphrase: KEY_LOCKED, bad-passphrase, then it opens"],
    plant: (good) => ({
      importSecret: (secret, options) =>
        unless(good.importSecret(secret, options), "CANNOT_DECRYPT", () => good.importSecret(secret)),
    }),
  },
  {
    how: "does not sign or decrypt with half a key",
    caught: ["a secret key without its primary part still decrypts, and does not sign"],
    plant: (good) => ({
      async importSecret(secret, options) {
        const key = await pgp.readPrivateKey({ binaryKey: secret.slice() }).catch(() => undefined)
        const isHalf = key?.getKeys().some((one) => (one.keyPacket as pgp.SecretKeyPacket).isDummy())
        if (isHalf) throw new AurochsError("BAD_DATA", "no secret", { what: "secret-key" })
        return good.importSecret(secret, options)
      },
    }),
  },
  {
    how: "keeps the secret in the handle",
    caught: ["a secret key handle shows nothing of the secret, neither as JSON nor to whoever walks through it"],
    plant: (good) => ({
      async importSecret(secret, options) {
        return (await good.importSecret(secret, options)).map((key) => ({ ...key, secret: secret.slice() }))
      },
    }),
  },
  {
    how: "exports without a passphrase, whatever it was told",
    caught: ["export and import again: the same key, which opens and signs as before"],
    plant: transfers((good) => ({ export: (key, options) => good.export(key, { ...options, passphrase: "none" }) })),
  },
  {
    how: "exports with a passphrase, whatever it was told",
    caught: ["R41: exported without a passphrase, the S2K usage octet of every packet is zero"],
    plant: transfers((good) => ({
      export: (key, options) => good.export(key, { ...options, passphrase: new TextEncoder().encode("default") }),
    })),
  },
  {
    how: "folds the case of a backup code",
    caught: ["R43: the password is taken verbatim: case and dashes count"],
    plant: transfers((good) => ({
      encryptWithPassword: (plaintext, o) =>
        good.encryptWithPassword(plaintext, { ...o, password: folded(o.password) }),
      decryptWithPassword: (message, o) => good.decryptWithPassword(message, { ...o, password: folded(o.password) }),
    })),
  },
  {
    how: "puts a marker before a password message",
    caught: ["R44: a password opens what it closed, with a password session key and integrity protection"],
    plant: transfers((good) => ({
      encryptWithPassword: async (plaintext, options) =>
        Uint8Array.from([0xca, 3, 80, 71, 80, ...(await good.encryptWithPassword(plaintext, options))]),
    })),
  },
  {
    how: "gives an empty text for a password message that it cannot open",
    caught: ["R43: the password is taken verbatim: case and dashes count"],
    plant: transfers((good) => ({
      decryptWithPassword: (message, options) =>
        good.decryptWithPassword(message, options).catch((error) => {
          if (isAurochsError(error, "BAD_DATA") && error.details.limit !== undefined) throw error
          return new Uint8Array()
        }),
    })),
  },
  {
    how: "asks the password's cost of whoever sends the message",
    caught: [
      "A16: limits of a call hold for password messages",
      "A18: a password message that asks for too much Argon2 memory is refused before any work",
      "R44: nothing comes out of a password message that was altered, shortened or has no password",
    ],
    plant: transfers((good) => ({
      decryptWithPassword: (message, options) =>
        unless(good.decryptWithPassword(message, options), "BAD_DATA", () => Promise.reject(backend())),
    })),
  },
  {
    how: "fails when it is asked for a key that it does not have",
    caught: ["a key that nobody holds is undefined, not an error"],
    plant: () => ({ secretKey: () => Promise.reject(backend()) }),
  },
  {
    how: "deletes the key when its handle is disposed",
    caught: [
      "a key that the engine holds is found again by its fingerprint, also after its handle was disposed",
      "an aborted signal ends every call with ABORTED",
    ],
    plant: (good) => {
      const { generate, secretKey, forget } = holding(good)
      return {
        generate,
        async secretKey(fingerprint, options) {
          const key = await secretKey(fingerprint, options)
          if (key !== undefined) Object.assign(key, { [Symbol.asyncDispose]: async () => forget(fingerprint) })
          return key
        },
      }
    },
  },
  {
    how: "revokes nothing",
    caught: ["revoke: the certificate says so, and nobody encrypts to it any more"],
    plant: lives(() => ({ revoke: async (key) => key.certificate })),
  },
  {
    how: "revokes every key for all time",
    caught: ["revoke as superseded or retired: what was signed before still counts; as compromised it does not"],
    plant: lives((good) => ({ revoke: (key, options) => good.revoke(key, { ...options, reason: "compromised" }) })),
  },
  {
    how: "revokes every key as superseded",
    caught: [
      "revoke without a reason: what was signed before does not count either, and a copy without it learns it by merge",
    ],
    plant: lives((good) => ({ revoke: (key, options) => good.revoke(key, { ...options, reason: "superseded" }) })),
  },
  {
    how: "renews nothing",
    caught: ["merge of a renewed certificate and an old copy: the new end holds, in either order"],
    plant: lives(() => ({ renew: async (key) => key })),
  },
  {
    how: "renews for ever, whatever end it was told",
    caught: ["renew: the new end holds, the fingerprint stays, and old messages still count"],
    plant: lives((good) => ({ renew: (key, options) => good.renew(key, { now: options?.now }) })),
  },
  {
    how: "certifies nothing",
    caught: ["certify signs another's User ID, leaves what it says alone, and refuses one that is not signed"],
    plant: lives((_, provider) => ({ certify: (certificate) => provider.inspect(certificate) })),
  },
  {
    how: "certifies with any key, as of the day it was made",
    caught: ["an expired key certifies nobody, and an end that is none is CONFIGURATION"],
    plant: lives((good, provider) => ({
      certify: async (certificate, options) => {
        const { createdAt } = await provider.inspect(options.signWith.certificate.bytes)
        return good.certify(certificate, { ...options, now: createdAt })
      },
    })),
  },
  {
    how: "says that it certified a User ID that is not there",
    caught: ["certify signs another's User ID, leaves what it says alone, and refuses one that is not signed"],
    plant: lives((good, provider) => ({
      certify: (certificate, options) =>
        unless(good.certify(certificate, options), "BAD_DATA", () => provider.inspect(certificate)),
    })),
  },
]

/** An engine that holds its keys, as an agent does: they are found again by fingerprint. */
export function holding(good: CryptoProvider): Pick<CryptoProvider, "generate" | "secretKey"> & {
  forget(fingerprint: string): void
} {
  const held = new Map<string, Uint8Array>()
  return {
    async generate(spec, options) {
      const made = await good.generate(spec, options)
      const bytes = await good.secrets?.export(made.key, { passphrase: "none" })
      if (bytes !== undefined) held.set(made.key.certificate.fingerprint, bytes)
      return made
    },
    async secretKey(fingerprint): Promise<SecretKey | undefined> {
      const bytes = held.get(fingerprint)
      return bytes === undefined ? undefined : (await good.importSecret(bytes))[0]
    },
    forget: (fingerprint) => held.delete(fingerprint),
  }
}
