import { isAurochsError } from "@aurochs/core"
import type { CryptoProvider, SessionKey } from "@aurochs/crypto"
import type { Context } from "./context.ts"
import { backend, badMessage, exit, exited, unsupported } from "./errors.ts"
import { withFolder } from "./folder.ts"
import type { Attempt, Bounded, Trial } from "./open.ts"
import { run } from "./run.ts"

/** How the certificate reader opens a message with its session key. */
export type OpenWithSessionKey = NonNullable<CryptoProvider["openWithSessionKey"]>

/** `ALGORITHM:HEX` with the longest key there is, and a line ending. */
const MAX_SESSION_KEY_BYTES = 128

/**
 * Decrypts the session key with the program; the certificate reader decrypts the text and judges the signatures. What
 * the program makes of the text does not matter, so neither does what it gets wrong there.
 */
export function bySessionKey(openWithSessionKey: OpenWithSessionKey): Attempt {
  return async (context, trial, options) => {
    const sessionKey = await sessionKeyOf(context, trial, options)
    if (sessionKey === undefined) return "not opened"
    context.learned.tellsSessionKeys = true
    const { message, held } = trial
    const { verifyWith, limits, now, signal } = options
    const encryptedTo = held.inner.certificate.fingerprint
    try {
      return await openWithSessionKey(message, { sessionKey, encryptedTo, verifyWith, limits, now, signal })
    } catch (error) {
      // Or it is not the key of this message, and another of ours opens it.
      if (isAurochsError(error, "CANNOT_DECRYPT")) return "damaged"
      throw error
    } finally {
      sessionKey.bytes.fill(0)
    }
  }
}

async function sessionKeyOf(
  context: Context,
  { addressed, held }: Trial,
  { limits, signal }: Bounded,
): Promise<SessionKey | undefined> {
  const { program } = context
  return withFolder(context.folder, program, { signal }, async (folder) => {
    const key = await folder.write("secret-key", held.secret)
    const common = { input: addressed, folder: folder.path, maxOutputBytes: limits.maxPlaintextBytes, signal }
    const ended = await run(program, {
      ...common,
      args: ["decrypt", `--session-key-out=${folder.path}/session-key`, key],
    })
    // Whatever became of the text: if this is its key, the certificate reader finds out what is wrong with it.
    const told = await folder.read("session-key", MAX_SESSION_KEY_BYTES)
    const sessionKey = told && sessionKeyFrom(told)
    if (sessionKey !== undefined) return sessionKey
    // Ended for what it wrote, perhaps in the middle of writing the key.
    const isCut = !ended.ok && ended.tooMuch
    if (told !== undefined && !isCut) throw backend(program.name, "it wrote no session key")
    if (ended.ok) throw noSessionKey(context)
    if (isCut) throw badMessage("it exceeds maxPlaintextBytes", "maxPlaintextBytes")
    if (ended.exitCode === exit.cannotDecrypt || ended.exitCode === exit.badData) return undefined
    if (ended.exitCode === exit.unsupportedAlgorithm) throw exited(program.name, "decrypt", ended.exitCode)
    if (context.learned.tellsSessionKeys) return undefined
    // A code that says nothing, or that there is no such option: does it open it when it is not asked for the key?
    const plain = await run(program, { ...common, args: ["decrypt", key] })
    if (plain.ok) throw noSessionKey(context)
    return undefined
  })
}

/** @returns undefined if it is none */
function sessionKeyFrom(told: Uint8Array): SessionKey | undefined {
  const [, algorithm, hex] =
    /^(\d{1,3}):((?:[0-9A-Fa-f]{2}){1,32})\s*$/.exec(Buffer.from(told).toString("latin1")) ?? []
  told.fill(0)
  if (algorithm === undefined || hex === undefined) return undefined
  return { algorithm: Number(algorithm), bytes: new Uint8Array(Buffer.from(hex, "hex")) }
}

function noSessionKey({ program }: Context): Error {
  const why = `${program.name} opens messages but does not tell their session keys; say sessionKeys: false`
  return unsupported("--session-key-out", why)
}
