import { type CallOptions, throwIfAborted } from "@aurochs/core"
import type { Context } from "./context.ts"
import { locked, unsupported } from "./errors.ts"
import type { Answer } from "./gpg.ts"
import type { Held } from "./handles.ts"
import type { OwnPart } from "./own-parts.ts"
import { isLocked } from "./status.ts"

/** The agent takes no more. */
const MAX_PASSPHRASE_BYTES = 255

/**
 * Runs a call of gpg that needs the secret of a key: with the passphrase that the handle has, and once more with one
 * that is asked for.
 *
 * @param part whose secret it needs
 * @throws {AurochsError} `KEY_LOCKED` if none opens it, `ABORTED`
 */
export async function withSecret(
  context: Context,
  held: Held,
  part: OwnPart | undefined,
  options: CallOptions,
  attempt: (passphrase: Uint8Array | undefined) => Promise<Answer>,
): Promise<Answer> {
  const first = await attempt(held.passphrase)
  if (first.exitCode === 0 || !isLocked(first.status)) return first
  const asked = await askFor(context, held, part, options)
  if (asked === undefined) throw locked(held.certificate.fingerprint)
  const second = await attempt(asked)
  if (second.exitCode !== 0 && isLocked(second.status)) throw locked(held.certificate.fingerprint)
  return second
}

/**
 * The passphrase or PIN from whoever uses the provider; undefined if it cannot be had, or would be of no use because the
 * card is not there.
 *
 * @param part whose secret is needed
 */
export async function askFor(
  context: Context,
  held: Held,
  part: OwnPart | undefined,
  { signal }: CallOptions,
): Promise<Uint8Array | undefined> {
  if (context.askPassphrase === undefined) return undefined
  if (part?.card !== undefined && !(await context.hasCard(part.card, { signal }))) return undefined
  const asked = await context.askPassphrase(held.certificate.fingerprint, { signal })
  throwIfAborted({ signal })
  if (asked !== undefined) checkPassphrase(asked)
  return asked
}

/**
 * gpg reads a passphrase as one line.
 *
 * @throws {AurochsError} `UNSUPPORTED`
 */
export function checkPassphrase(passphrase: Uint8Array): void {
  if (passphrase.length > MAX_PASSPHRASE_BYTES) throw unsupported("a passphrase above 255 bytes")
  if (passphrase.some((byte) => byte === 0 || byte === 0x0a)) throw unsupported("a passphrase with line breaks or NUL")
}
