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
  { how: "has no name", caught: [], plant: () => ({ name: "" }) },
  {
    how: "leaves unusable recipients out and sends to the others",
    caught: [],
    plant: seals(async (good, options) => {
      const infos = await Promise.all(options.recipients.map((one) => good.inspect(one.bytes, options)))
      return { ...options, recipients: infos.filter((one) => one.canEncrypt) }
    }),
  },
  {
    how: "names only the first unusable recipient",
    caught: [],
    plant: (good) => ({
      encrypt: (plaintext, options) =>
        good.encrypt(plaintext, options).catch((error) => named(error, (d) => ({ leftOut: d.leftOut.slice(0, 1) }))),
    }),
  },
  {
    how: "does not say why a recipient is unusable",
    caught: [],
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
    caught: [],
    plant: seals(async (_, options) => ({ ...options, recipients: options.recipients.slice(0, 1) })),
  },
  {
    how: "always encrypts to the sender too",
    caught: [],
    plant: seals(async (_, options) =>
      options.signWith === undefined
        ? options
        : { ...options, recipients: [...options.recipients, options.signWith.certificate] },
    ),
  },
  {
    how: "encrypts without signing",
    caught: [],
    plant: (good) => ({ signcrypt: (plaintext, options) => good.encrypt(plaintext, options) }),
  },
  {
    how: "signs what it should only encrypt, or nothing at all",
    caught: [],
    plant: (good) => ({
      sign: async (plaintext, options) =>
        good.encrypt(plaintext, { ...options, recipients: [options.signWith.certificate] }),
    }),
  },
  {
    how: "encrypts to nobody, for whoever has the file",
    caught: [],
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
    caught: [],
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
    caught: [],
    plant: (good) => ({
      signcrypt: async (plaintext, options) => {
        const message = await pgp.readMessage({ binaryMessage: await good.signcrypt(plaintext, options) })
        return new TextEncoder().encode(message.armor() as string)
      },
    }),
  },
  {
    how: "ignores now when it seals",
    caught: [],
    plant: (good) => ({
      signcrypt: (plaintext, { now: _, ...options }) => good.signcrypt(plaintext, options),
      encrypt: (plaintext, { now: _, ...options }) => good.encrypt(plaintext, options),
    }),
  },
  {
    how: "signs with a key that has expired, as of the day it was made",
    caught: [],
    plant: (good) => ({
      async sign(plaintext, options) {
        const { createdAt } = await good.inspect(options.signWith.certificate.bytes)
        return good.sign(plaintext, { ...options, now: createdAt })
      },
    }),
  },
  {
    how: "does not forgive a clock that is a little behind",
    caught: [],
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
    caught: [],
    plant: (good) => ({
      generate: (spec, options) => good.generate({ expiresInMs: 730 * DAY, ...spec }, options),
    }),
  },
  {
    how: "makes keys that never expire, whatever it was asked for",
    caught: [],
    plant: (good) => ({ generate: ({ expiresInMs: _, ...spec }, options) => good.generate(spec, options) }),
  },
  {
    how: "makes a v4 key where a v6 key was asked for",
    caught: [],
    plant: (good) => ({ generate: ({ version: _, ...spec }, options) => good.generate(spec, options) }),
  },
  {
    how: "makes something of any User ID and any end",
    caught: [],
    plant: (good) => ({
      generate: (spec, options) =>
        unless(good.generate(spec, options), "CONFIGURATION", () =>
          good.generate({ userId: "xmpp:a@example.org" }, options),
        ),
    }),
  },
  {
    how: "ignores signals",
    caught: [],
    plant: (good) =>
      every(
        good,
        (run) => run(),
        ({ signal: _, ...options }) => options,
      ),
  },
  {
    how: "gives the reason of an abort instead of ABORTED",
    caught: [],
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
    caught: [],
    plant: (good) =>
      every(good, async (run, { signal }) => {
        if (signal === undefined || signal.aborted) return run()
        const result = await run()
        await pause(40)
        if (signal.aborted) throw new AurochsError("BACKEND", "killed", { backend: "planted" })
        return result
      }),
  },
]
