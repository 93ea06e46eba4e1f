import { type CallOptions, type Certificate, isAurochsError, throwIfAborted } from "@aurochs/core"
import { type At, defaultLimits, givenLimits, type Limits, type Opened, type SecretKey } from "@aurochs/crypto"
import { type Context, momentOf } from "./context.ts"
import { readEnvelope, type SessionPacket } from "./envelope.ts"
import { cannotDecrypt, locked, unsupported } from "./errors.ts"
import type { Held } from "./handles.ts"
import type { OwnPart } from "./own-parts.ts"
import { sessionKeyOf } from "./session-key.ts"

/** Options of `CryptoProvider.open`. */
export type OpenOptions = CallOptions &
  At & {
    readonly decryptWith: readonly SecretKey[]
    readonly verifyWith: readonly Certificate[]
    readonly limits?: Partial<Limits> | undefined
  }

/** How many session key packets and keys of ours one message may bring together (attack A29). */
const MAX_TRIALS = 32

/**
 * Opens one message: gpg recovers the session key, and the certificate reader does the rest, so that verdicts rest on
 * the certificates given and on nothing in the homedir.
 *
 * @throws {AurochsError} `BAD_DATA`, `CANNOT_DECRYPT`, `KEY_LOCKED`, `UNSUPPORTED`, `BACKEND`, `ABORTED`
 */
export async function open(context: Context, message: Uint8Array, options: OpenOptions): Promise<Opened> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const limits = { ...context.limits, ...givenLimits(options.limits) }
  return context.handles.use(options.decryptWith, async (keys) => {
    const envelope = readEnvelope(message, { ...defaultLimits, ...limits })
    const { verifyWith, signal } = options
    const judging = { verifyWith, limits, now, signal }
    if (envelope.kind === "clear") return context.certificates.open(message, { ...judging, decryptWith: [] })
    return decrypted(context, message, envelope.sessions, keys, judging)
  })
}

type Judging = CallOptions & {
  readonly verifyWith: readonly Certificate[]
  readonly limits: Partial<Limits>
  readonly now: Date
}

/** A session key packet and the key of ours that may open it. */
interface Trial {
  readonly held: Held
  readonly part: OwnPart
  readonly packet: SessionPacket
}

async function decrypted(
  context: Context,
  message: Uint8Array,
  sessions: readonly SessionPacket[],
  keys: readonly Held[],
  judging: Judging,
): Promise<Opened> {
  const ours = trials(sessions, keys)
  let failure: Error = unread(sessions, keys) ?? cannotDecrypt("not-for-us")
  for (const { held, part, packet } of ours) {
    throwIfAborted(judging)
    const named = packet.keyId !== undefined
    const found = await sessionKeyOf(context, held, part, packet, judging)
    if (found === "locked") failure = locked(held.certificate.fingerprint)
    // A packet that names our key and does not open is damaged; one that names nobody was for somebody else.
    else if (found === "damaged")
      failure = named && !isAurochsError(failure, "KEY_LOCKED") ? cannotDecrypt("damaged") : failure
    if (typeof found === "string") continue
    try {
      const encryptedTo = held.certificate.fingerprint
      return await context.certificates.openWithSessionKey(message, { ...judging, sessionKey: found, encryptedTo })
    } catch (error) {
      if (named || !isAurochsError(error, "CANNOT_DECRYPT")) throw error
    } finally {
      found.bytes.fill(0)
    }
  }
  throw failure
}

/** In the order of the keys given; packets that name one come before those for a hidden recipient. */
function trials(sessions: readonly SessionPacket[], keys: readonly Held[]): readonly Trial[] {
  const parts = keys.flatMap((held) =>
    held.parts.filter((part) => part.encrypts && part.secret !== "missing").map((part) => ({ held, part })),
  )
  const readable = sessions.filter((packet) => packet.version === 3)
  const matching = (fits: (packet: SessionPacket, part: OwnPart) => boolean) =>
    parts.flatMap((own) => readable.filter((packet) => fits(packet, own.part)).map((packet) => ({ ...own, packet })))
  const named = matching((packet, part) => packet.keyId === part.keyId)
  const hidden = matching((packet, part) => packet.keyId === undefined && packet.algorithm === part.algorithm)
  return [...named, ...hidden].slice(0, MAX_TRIALS)
}

/** The error for a message that names a key of ours in a packet that GnuPG does not know. */
function unread(sessions: readonly SessionPacket[], keys: readonly Held[]): Error | undefined {
  const ids = new Set(keys.flatMap((held) => held.parts.map((part) => part.keyId)))
  const ours = sessions.some((packet) => packet.version !== 3 && packet.keyId !== undefined && ids.has(packet.keyId))
  return ours ? unsupported("session keys of version 6") : undefined
}
