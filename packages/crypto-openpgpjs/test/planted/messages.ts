import { AurochsError, isAurochsError } from "@aurochs/core"
import type { CryptoProvider, Opened } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { backend, bogus, opens, type Planted, unless } from "./plant.ts"

const nothing: Opened = { plaintext: new Uint8Array(), encrypted: true, signatures: [] }

/** Opens with either method, and again where it failed. */
function onFailure(instead: (error: AurochsError, message: Uint8Array) => Opened | undefined): Planted["plant"] {
  const guarded = async (call: Promise<Opened> | undefined, message: Uint8Array): Promise<Opened> => {
    try {
      return (await call) as Opened
    } catch (error) {
      const other = isAurochsError(error) ? instead(error as AurochsError, message) : undefined
      if (other === undefined) throw error
      return other
    }
  }
  return (good) => ({
    open: (message, options) => guarded(good.open(message, options), message),
    openWithSessionKey: (message, options) => guarded(good.openWithSessionKey?.(message, options), message),
  })
}

const limitOf = (error: AurochsError) => isAurochsError(error, "BAD_DATA") && error.details.limit !== undefined

function unlimited(good: CryptoProvider): Partial<CryptoProvider> {
  const limits = { maxPlaintextBytes: 2 ** 30, maxMessageBytes: 2 ** 30, maxPackets: 2 ** 16 }
  return {
    open: (message, options) => good.open(message, { ...options, limits }),
    openWithSessionKey: async (message, options) =>
      (await good.openWithSessionKey?.(message, { ...options, limits })) as Opened,
  }
}

/** Wrong about what a message is. */
export const messages: readonly Planted[] = [
  {
    how: "calls everything encrypted",
    caught: [
      "R5 A7: a message that is only signed never passes for an encrypted one",
      "R5: sign makes a message that is signed and not encrypted",
    ],
    plant: opens((o) => ({ ...o, encrypted: true })),
  },
  {
    how: "takes a limit that is no number for none",
    caught: ["A16: a limit that would bound nothing is refused, and nothing is opened"],
    plant: (good) => ({
      open: (message, { limits, ...options }) => {
        const numbers = Object.entries(limits ?? {}).filter(([, value]) => Number.isFinite(value) && value >= 0)
        return good.open(message, { ...options, limits: Object.fromEntries(numbers) })
      },
    }),
  },
  {
    how: "decodes the text and encodes it again",
    caught: ["every byte of the text survives, line endings, NUL and bytes that are no UTF-8 included"],
    plant: opens((o) => ({ ...o, plaintext: new TextEncoder().encode(new TextDecoder().decode(o.plaintext)) })),
  },
  {
    how: "takes the text for Latin 1",
    caught: [
      "R3 I7: signcrypt to two recipients: each reads the same bytes under one valid signature",
      "a text that is marked as UTF-8 comes back byte for byte",
    ],
    plant: opens((o) => {
      const text = Array.from(o.plaintext, (byte) => String.fromCharCode(byte)).join("")
      return { ...o, plaintext: new TextEncoder().encode(text) }
    }),
  },
  {
    how: "ends lines as this system does",
    caught: ["a signature over text with canonical line endings is valid, and the text is not touched"],
    plant: opens((o) => ({ ...o, plaintext: o.plaintext.filter((byte) => byte !== 13) })),
  },
  {
    how: "takes armor too",
    caught: ["R2: armored input is BAD_DATA"],
    plant: (good) => ({
      async open(message, options) {
        return unless(good.open(message, options), "BAD_DATA", async (error) => {
          const text = new TextDecoder().decode(message)
          if (!text.startsWith("-----BEGIN PGP MESSAGE")) throw error
          const base64 = text.split("\n\n")[1]?.split("\n-----")[0] ?? ""
          return good.open(
            Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)),
            options,
          )
        })
      },
    }),
  },
  {
    how: "reads the first of several messages",
    caught: ["A27: two messages in one, or anything behind a message, are BAD_DATA"],
    plant: (good) => ({
      async open(message, options) {
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
    caught: [
      "A16: more packets than the limit are refused before they are parsed",
      "A16: 48 MiB from 48 KiB, or from 300 bytes, are refused in bounded time",
    ],
    plant: unlimited,
  },
  {
    how: "ignores the limits of a call",
    caught: ["A16: limits of a call are held: bytes of the message, bytes of the text, packets"],
    plant: (good) => ({
      open: (message, { limits: _, ...options }) => good.open(message, options),
      openWithSessionKey: async (message, { limits: _, ...options }) =>
        (await good.openWithSessionKey?.(message, options)) as Opened,
      ...(good.secrets && {
        secrets: {
          ...good.secrets,
          decryptWithPassword: (message, { password }) =>
            good.secrets?.decryptWithPassword(message, { password }) ?? Promise.reject(backend()),
        },
      }),
    }),
  },
  {
    how: "hands out what came before the damage",
    caught: ["an error about a session key does not quote it"],
    plant: onFailure((error) =>
      isAurochsError(error, "CANNOT_DECRYPT") && error.details.because === "damaged" ? nothing : undefined,
    ),
  },
  {
    how: "prints a text and a good signature before it notices the damage",
    caught: ["A15: no flipped bit yields another text with a valid signature"],
    plant: onFailure((error) =>
      isAurochsError(error, "CANNOT_DECRYPT") && error.details.because === "damaged"
        ? { ...nothing, signatures: [bogus] }
        : undefined,
    ),
  },
  {
    how: "makes the best of what is no message",
    caught: ["a one-pass signature without its signature is BAD_DATA"],
    plant: onFailure((error) => (isAurochsError(error, "BAD_DATA") && !limitOf(error) ? nothing : undefined)),
  },
  {
    how: "gives an empty text where a limit was exceeded",
    caught: [
      "A16: 48 MiB from 48 KiB, or from 300 bytes, are refused in bounded time",
      "A16: more packets than the limit are refused before they are parsed",
      "a failed call leaves the provider as it was",
    ],
    plant: onFailure((error) => (limitOf(error) ? nothing : undefined)),
  },
  {
    how: "opens what has no integrity protection",
    caught: [
      "A15: encryption without integrity protection is refused",
      "A16: compression inside compression is refused",
      "A27: two texts inside one message, and text beside compressed text, are BAD_DATA",
    ],
    plant: onFailure((error, message) =>
      isAurochsError(error, "BAD_DATA") && message.some((byte) => byte === 0xc9) ? nothing : undefined,
    ),
  },
  {
    how: "calls damaged what was for others",
    caught: [
      "A29: a message for others is CANNOT_DECRYPT, not-for-us, hidden or not",
      "without the right key, and without any, a message is CANNOT_DECRYPT, not-for-us",
    ],
    plant: onFailure((error) => {
      if (!isAurochsError(error, "CANNOT_DECRYPT") || error.details.because !== "not-for-us") return undefined
      throw new AurochsError("CANNOT_DECRYPT", "damaged", { because: "damaged" })
    }),
  },
  {
    how: "calls a message for others what was damaged",
    caught: [
      "A15: a session key of another message, of the wrong length or for another cipher is CANNOT_DECRYPT, damaged",
      "A15: altered or shortened encrypted data is CANNOT_DECRYPT, damaged, and nothing of it comes out",
      "A15: with the right session key an altered or shortened message is still CANNOT_DECRYPT, damaged",
      "SEIPDv2, where it is read, gives text and verdict as SEIPDv1 does, and an altered byte is damage",
    ],
    plant: onFailure((error) => {
      if (!isAurochsError(error, "CANNOT_DECRYPT") || error.details.because !== "damaged") return undefined
      throw new AurochsError("CANNOT_DECRYPT", "not for us", { because: "not-for-us" })
    }),
  },
  {
    how: "knows no hidden recipients",
    caught: [
      "A29: a hidden recipient is found, also among others",
      "R15 R16: with its session key each message has the same text and verdicts as with the secret key",
    ],
    plant: (good) => ({
      async open(message, options) {
        const parsed = await pgp.readMessage({ binaryMessage: message.slice() }).catch(() => undefined)
        if (parsed?.getEncryptionKeyIDs().some((id) => /^0+$/.test(id.toHex()))) {
          throw new AurochsError("CANNOT_DECRYPT", "not for us", { because: "not-for-us" })
        }
        return good.open(message, options)
      },
    }),
  },
  {
    how: "tries the first secret key only",
    caught: ["R52: of several keys of ours the right one is found, whatever their order"],
    plant: (good) => ({
      open: (message, options) => good.open(message, { ...options, decryptWith: options.decryptWith.slice(0, 1) }),
    }),
  },
  {
    how: "tells the first of its keys as the one that it was encrypted to",
    caught: ["whose key a message was encrypted to is told, by its primary key, also of a hidden recipient"],
    plant: (good) => ({
      async open(message, options) {
        const opened = await good.open(message, options)
        return opened.encrypted ? { ...opened, encryptedTo: options.decryptWith[0]?.certificate.fingerprint } : opened
      },
    }),
  },
  {
    how: "passes over certificates that it cannot read",
    caught: ["a certificate to verify by that cannot be read is BAD_DATA, certificate: not an unknown key"],
    plant: (good) => ({
      async open(message, options) {
        const known = await Promise.all(options.verifyWith.map((one) => good.inspect(one.bytes).catch(() => undefined)))
        return good.open(message, { ...options, verifyWith: known.filter((one) => one !== undefined) })
      },
    }),
  },
  {
    how: "is of no use any more after a message that failed",
    caught: [
      "garbage, nothing, a certificate and half a message are BAD_DATA",
      "a failed call leaves the provider as it was",
    ],
    plant: (good) => {
      let isBroken = false
      return {
        async open(message, options) {
          if (isBroken) throw backend()
          try {
            return await good.open(message, options)
          } catch (error) {
            isBroken = true
            throw error
          }
        },
      }
    },
  },
  {
    how: "does not open with keys that have expired",
    caught: [
      "A21: an expired key still opens what was sent to it",
      "now in the past: what has expired since is encrypted to, and signs, as it was then",
    ],
    plant: (good) => ({
      async open(message, options) {
        const infos = await Promise.all(options.decryptWith.map((one) => good.inspect(one.certificate.bytes, options)))
        const decryptWith = options.decryptWith.filter((_, i) => infos[i]?.canEncrypt)
        return good.open(message, { ...options, decryptWith })
      },
    }),
  },
  {
    how: "opens what is only signed with any session key",
    caught: [
      "A16: limits hold with a session key too",
      "R3 A7: a message that is only signed is BAD_DATA, whatever session key comes with it",
    ],
    plant: (good) => ({
      openWithSessionKey: (message, options) =>
        unless(good.openWithSessionKey?.(message, options) as Promise<Opened>, "BAD_DATA", () =>
          good.open(message, { ...options, decryptWith: [] }),
        ),
    }),
  },
]
