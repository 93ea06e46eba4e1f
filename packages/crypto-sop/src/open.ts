import { type CallOptions, type Certificate, isAurochsError, throwIfAborted } from "@aurochs/core"
import { type At, defaultLimits, givenLimits, type Limits, type Opened, type SecretKey } from "@aurochs/crypto"
import { tag } from "@aurochs/crypto/packets"
import { addressedTo, recipientsOf } from "./address.ts"
import { type Context, passedOn } from "./context.ts"
import { cannotDecrypt, unsupported } from "./errors.ts"
import type { Held } from "./keyring.ts"
import { packets } from "./packets.ts"

/** Options of `CryptoProvider.open`. */
export type OpenOptions = CallOptions &
  At & {
    readonly decryptWith: readonly SecretKey[]
    readonly verifyWith: readonly Certificate[]
    readonly limits?: Partial<Limits> | undefined
  }

/** The limits of a call, in full. */
export type Bounded = OpenOptions & { readonly limits: Limits }

/** A message and one of our keys, which may open it. */
export interface Trial {
  readonly message: Uint8Array
  /** The message as the program gets it. */
  readonly addressed: Uint8Array
  readonly held: Held
}

/**
 * Opens an encrypted message with one key.
 *
 * @returns why it does not: nothing is known but that; or it was for this key, and is damaged
 * @throws {AurochsError} if no other key will change that
 */
export type Attempt = (context: Context, trial: Trial, options: Bounded) => Promise<Opened | "not opened" | "damaged">

/** Trials on one message at most: each is a run of the program. */
const MAX_ATTEMPTS = 32

/**
 * Opens a message. The certificate reader looks at it first: what is malformed or too large never reaches the program,
 * and what is only signed needs none. Then one key after the other is tried, in the order given, so that it is known
 * which one opened it.
 *
 * @throws {AurochsError} `BAD_DATA`, `CANNOT_DECRYPT`, `UNSUPPORTED`, `BACKEND`, `ABORTED`
 */
export async function open(
  context: Context,
  message: Uint8Array,
  options: OpenOptions,
  attempt: Attempt,
): Promise<Opened> {
  throwIfAborted(options)
  const limits = { ...context.limits, ...givenLimits(options.limits) }
  return context.keys.use(options.decryptWith, async (ours) => {
    const clear = await openClear(context, message, { ...options, limits })
    if (clear !== undefined) return clear
    const bounded = { ...options, limits: { ...defaultLimits, ...limits } }
    const trials = ours.flatMap((held) =>
      addressedTo(message, held.keys).map((addressed) => ({ message, addressed, held })),
    )
    const newer = isNewer(message)
    const to = recipientsOf(message)
    let forUs = ours.some((held) => held.keys.some(({ keyId }) => to.includes(keyId)))
    for (const trial of trials.slice(0, MAX_ATTEMPTS)) {
      const opened = await attempt(context, trial, bounded)
      if (typeof opened === "object") {
        context.learned.opensVersion2 ||= newer
        return opened
      }
      if (opened === "damaged") forUs = true
    }
    if (forUs && newer && !context.learned.opensVersion2) {
      throw unsupported("SEIPDv2", `${context.program.name} opens no message of this kind, or this one was altered`)
    }
    throw cannotDecrypt(forUs ? "damaged" : "not-for-us")
  })
}

/** Encrypted otherwise than with SEIPDv1 (RFC 9580 §5.13.1), as older programs do not know it. */
function isNewer(message: Uint8Array): boolean {
  const data = packets(message).at(-1)
  return data !== undefined && (data.tag !== tag.encrypted || data.body[0] !== 1)
}

/** Undefined if it is encrypted, and as well-formed as can be seen from outside. */
async function openClear({ reader }: Context, message: Uint8Array, options: OpenOptions): Promise<Opened | undefined> {
  try {
    const { verifyWith, limits } = options
    return await reader.open(message, { ...passedOn(options), decryptWith: [], verifyWith, limits })
  } catch (error) {
    if (isAurochsError(error, "CANNOT_DECRYPT") && error.details.because === "not-for-us") return undefined
    throw error
  }
}
