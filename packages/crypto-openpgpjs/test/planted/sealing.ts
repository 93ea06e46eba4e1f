import { AurochsError, isAurochsError } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { every, type Planted, pause, unless } from "./plant.ts"

const DAY = 86_400_000

/** Changes the recipients before sealing. */
function seals(change: (good: CryptoProvider, options: SealOptions) => Promise<SealOptions>): Planted["plant"] {
  return (good) => ({
    signcrypt: async (plaintext, options) =>
      good.signcrypt(plaintext, { ...options, ...(await change(good, options)) } as typeof options),
    encrypt: async (plaintext, options) => good.encrypt(plaintext, { ...options, ...(await change(good, options)) }),
  })
}

type SealOptions = Parameters<CryptoProvider["encrypt"]>[1] & Partial<Parameters<CryptoProvider["signcrypt"]>[1]>

function named(error: unknown, change: (details: { leftOut: readonly { because: string }[] }) => object): never {
  if (!isAurochsError(error, "NO_USABLE_KEY")) throw error
  throw new AurochsError("NO_USABLE_KEY", error.message, { ...error.details, ...change(error.details) })
}

/** Wrong about what it makes. */
export const sealing: readonly Planted[] = [
  {
    how: "signs with a key that was good once",
    caught: ["A4 A21: a key whose only User ID was revoked or has expired is not encrypted to, and does not sign"],
    plant: (good) => ({
      sign: (plaintext, options) =>
        unless(good.sign(plaintext, options), "NO_USABLE_KEY", () =>
          good.sign(plaintext, { ...options, now: new Date("2025-03-01T00:00:00Z") }),
        ),
    }),
  },
  {
    how: "signs and encrypts with a key that was good once",
    caught: ["A4 A21: a key whose only User ID was revoked or has expired is not encrypted to, and does not sign"],
    plant: (good) => ({
      signcrypt: (plaintext, options) =>
        unless(good.signcrypt(plaintext, options), "NO_USABLE_KEY", () =>
          good.signcrypt(plaintext, { ...options, now: new Date("2025-03-01T00:00:00Z") }),
        ),
    }),
  },
  {
    how: "has no name",
    caught: ["an engine tells its name, and which verdicts it gives"],
    plant: () => ({ name: "" }),
  },
  {
    how: "leaves unusable recipients out and sends to the others",
    caught: ["A4 A21: a key whose only User ID was revoked or has expired is not encrypted to, and does not sign"],
    plant: seals(async (good, options) => {
      const infos = await Promise.all(options.recipients.map((one) => good.inspect(one.bytes, options)))
      return { ...options, recipients: infos.filter((one) => one.canEncrypt) }
    }),
  },
  {
    how: "names only the first unusable recipient",
    caught: ["I8 A21: every unusable recipient is named, not only the first"],
    plant: (good) => ({
      encrypt: (plaintext, options) =>
        good.encrypt(plaintext, options).catch((error) => named(error, (d) => ({ leftOut: d.leftOut.slice(0, 1) }))),
    }),
  },
  {
    how: "does not say why a recipient is unusable",
    caught: ["I8 A21: one unusable recipient refuses the whole message, named with its owner and reason"],
    plant: (good) => ({
      signcrypt: (plaintext, options) =>
        good
          .signcrypt(plaintext, options)
          .catch((error) =>
            named(error, (d) => ({ leftOut: d.leftOut.map((one) => ({ ...one, because: "invalid" })) })),
          ),
    }),
  },
  {
    how: "encrypts to one recipient only",
    caught: ["R2 R21 I8: binary: one session key for each recipient, then one SEIPDv1 packet"],
    plant: seals(async (_, options) => ({ ...options, recipients: options.recipients.slice(0, 1) })),
  },
  {
    how: "always encrypts to the sender too",
    caught: ["six recipients: each of them reads it, and the sender only if it is one of them (R4)"],
    plant: seals(async (_, options) =>
      options.signWith === undefined
        ? options
        : { ...options, recipients: [...options.recipients, options.signWith.certificate] },
    ),
  },
  {
    how: "encrypts without signing",
    caught: [
      "a v6 key, where there are any, has a fingerprint of 64 digits and works like another",
      "R3 I7: signcrypt to two recipients: each reads the same bytes under one valid signature",
    ],
    plant: (good) => ({ signcrypt: (plaintext, options) => good.encrypt(plaintext, options) }),
  },
  {
    how: "signs what it should only encrypt, or nothing at all",
    caught: ["a secret key handle that another provider made is refused"],
    plant: (good) => ({
      sign: async (plaintext, options) =>
        good.encrypt(plaintext, { ...options, recipients: [options.signWith.certificate] }),
    }),
  },
  {
    how: "encrypts to nobody, for whoever has the file",
    caught: ["an expired key does not sign, and nothing is encrypted to nobody"],
    plant: (good) => ({
      signcrypt: (plaintext, options) =>
        unless(good.signcrypt(plaintext, options), "NO_USABLE_KEY", (error) => {
          if (options.recipients.length > 0) throw error
          return good.sign(plaintext, options)
        }),
    }),
  },
  {
    how: "writes the same bytes for the same text",
    caught: ["the same text is sealed differently each time"],
    plant: (good) => {
      const made = new Map<string, Promise<Uint8Array>>()
      return {
        signcrypt(plaintext, options) {
          const key = `${plaintext.join()} ${options.recipients.map((one) => one.fingerprint).join()}`
          const sealed = made.get(key) ?? good.signcrypt(plaintext, options)
          made.set(key, sealed)
          return sealed
        },
      }
    },
  },
  {
    how: "writes armor",
    caught: ["R2 R21 I8: binary: one session key for each recipient, then one SEIPDv1 packet"],
    plant: (good) => ({
      signcrypt: async (plaintext, options) => {
        const message = await pgp.readMessage({ binaryMessage: await good.signcrypt(plaintext, options) })
        return new TextEncoder().encode(message.armor() as string)
      },
    }),
  },
  {
    how: "ignores now when it seals",
    caught: ["now in the past: what was retired since is encrypted to, and signs, as it was then"],
    plant: (good) => ({
      signcrypt: (plaintext, { now: _, ...options }) => good.signcrypt(plaintext, options),
      encrypt: (plaintext, { now: _, ...options }) => good.encrypt(plaintext, options),
    }),
  },
  {
    how: "signs with a key that has expired, as of the day it was made",
    caught: ["an expired key does not sign, and nothing is encrypted to nobody"],
    plant: (good) => ({
      async sign(plaintext, options) {
        const { createdAt } = await good.inspect(options.signWith.certificate.bytes)
        return good.sign(plaintext, { ...options, now: createdAt })
      },
    }),
  },
  {
    how: "does not forgive a clock that is a little behind",
    caught: ["a clock that is five minutes behind can still use a brand-new key"],
    plant: (good) => ({
      async encrypt(plaintext, options) {
        for (const one of options.recipients) {
          const { createdAt, fingerprint } = await good.inspect(one.bytes)
          if (options.now === undefined || createdAt <= options.now) continue
          const details = { owner: "a@example.org" as never, leftOut: [{ fingerprint, because: "not-yet-valid" }] }
          throw new AurochsError("NO_USABLE_KEY", "not yet", details)
        }
        return good.encrypt(plaintext, options)
      },
    }),
  },
  {
    how: "lets new keys expire after two years unless told otherwise",
    caught: ["R53: a new key has exactly the User ID that was asked for, never expires, signs and is encrypted to"],
    plant: (good) => ({
      generate: (spec, options) => good.generate({ expiresInMs: 730 * DAY, ...spec }, options),
    }),
  },
  {
    how: "makes keys that never expire, whatever it was asked for",
    caught: ["a new key expires when it was asked to, to the second"],
    plant: (good) => ({ generate: ({ expiresInMs: _, ...spec }, options) => good.generate(spec, options) }),
  },
  {
    how: "makes a v4 key where a v6 key was asked for",
    caught: ["a v6 key, where there are any, has a fingerprint of 64 digits and works like another"],
    plant: (good) => ({ generate: ({ version: _, ...spec }, options) => good.generate(spec, options) }),
  },
  {
    how: "makes something of any User ID and any end",
    caught: ["a User ID that cannot be one, and an end that is none, are CONFIGURATION"],
    plant: (good) => ({
      generate: (spec, options) =>
        unless(good.generate(spec, options), "CONFIGURATION", () =>
          good.generate({ userId: "xmpp:a@example.org" }, options),
        ),
    }),
  },
  {
    how: "ignores signals",
    caught: [
      "a call aborted on its way ends with ABORTED, and the next one works",
      "an aborted signal ends every call with ABORTED",
    ],
    plant: (good) =>
      every(
        good,
        (run) => run(),
        ({ signal: _, ...options }) => options,
      ),
  },
  {
    how: "gives the reason of an abort instead of ABORTED",
    caught: ["a call aborted on its way ends with ABORTED, and the next one works"],
    plant: (good) =>
      every(good, async (run, { signal }) => {
        try {
          return await run()
        } catch (error) {
          throw isAurochsError(error, "ABORTED") ? (signal?.reason ?? error) : error
        }
      }),
  },
  {
    how: "takes an abort on the way for a failure of its program",
    caught: ["a call that is aborted at any moment ends soon: with ABORTED, or with what it had ready"],
    plant: (good) =>
      every(
        good,
        async (run, { signal }) => {
          if (signal?.aborted) throw new AurochsError("ABORTED", "aborted", undefined)
          const result = await run()
          if (signal === undefined) return result
          await pause(40)
          if (signal.aborted) throw new AurochsError("BACKEND", "killed", { backend: "planted" })
          return result
        },
        ({ signal: _, ...options }) => options,
      ),
  },
]
