import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { type CallOptions, type Fingerprint, fingerprint, throwIfAborted } from "@aurochs/core"
import type { At, Generated, KeySpec } from "@aurochs/crypto"
import { dearmor } from "@aurochs/crypto/armor"
import { type Context, momentOf } from "./context.ts"
import { backend, configuration, unsupported } from "./errors.ts"
import { ownKey } from "./own-key.ts"
import { argsOf } from "./status.ts"

/** gpg reads its parameters line by line, and no line above 1,023 bytes. */
const MAX_USER_ID_BYTES = 960

/**
 * Makes a version 4 key in the homedir: a signing Ed25519 primary key and a Curve25519 subkey to encrypt to, in the
 * encodings that every peer reads, without a passphrase. The parameters go through a pipe.
 *
 * @throws {AurochsError} `CONFIGURATION` (`userId`, `expiresInMs`), `UNSUPPORTED`, `BACKEND`, `ABORTED`
 */
export async function generate(
  context: Context,
  spec: KeySpec,
  options: (CallOptions & At) | undefined,
): Promise<Generated> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const { signal } = options ?? {}
  if (spec.version === 6) throw unsupported("keys of version 6")
  const input = new TextEncoder().encode(parametersOf(checkedUserId(spec.userId), secondsOf(spec.expiresInMs)))
  const task = { args: ["--generate-key"], input, now, signal }
  const made = await context.keyring(task, ({ exitCode }) => exitCode === 0)
  const created = argsOf(made.status, "KEY_CREATED")?.[1]
  if (made.exitCode !== 0 || created === undefined) throw backend("gpg could not make the key", made.exitCode)
  const own = await ownKey(context, fingerprint(created), { signal })
  if (own === undefined) throw backend("gpg does not find the key that it made")
  const { userIds } = await context.certificates.inspect(own.certificate.bytes, { now, signal })
  if (userIds.length !== 1 || userIds[0]?.text !== spec.userId) throw backend("gpg changed the User ID")
  const revocation = await revocationOf(context.home, own.certificate.fingerprint)
  return { key: context.handles.add(own), ...(revocation === undefined ? {} : { revocation }) }
}

/** gpg's `doc/DETAILS`, "Unattended key generation". What is said of preferences keeps AEAD out of them. */
function parametersOf(userId: string, seconds: number | undefined): string {
  return [
    "%no-protection",
    "Key-Type: EDDSA",
    "Key-Curve: ed25519",
    "Key-Usage: sign",
    "Subkey-Type: ECDH",
    "Subkey-Curve: cv25519",
    "Subkey-Usage: encrypt",
    `Name-Real: ${userId}`,
    `Expire-Date: ${seconds === undefined ? "0" : `seconds=${seconds}`}`,
    "Preferences: AES256 AES192 AES SHA512 SHA384 SHA256 Uncompressed ZLIB ZIP",
    "%commit",
    "",
  ].join("\n")
}

/** gpg writes one for each key that it makes; undefined if it does not. */
async function revocationOf(home: string, of: Fingerprint): Promise<Uint8Array | undefined> {
  try {
    // Words before it, and a colon, so that nobody imports it by mistake.
    const read = dearmor(await readFile(join(home, "openpgp-revocs.d", `${of}.rev`)), "PUBLIC KEY BLOCK")
    return typeof read === "string" ? undefined : read
  } catch {
    return undefined
  }
}

/** A line break in it would be another parameter. */
function checkedUserId(userId: string): string {
  const bytes = new TextEncoder().encode(userId).length
  if (userId === "" || userId !== userId.trim() || !userId.isWellFormed() || /\p{Cc}/u.test(userId)) {
    throw configuration("userId", "the User ID is empty, or has control characters or spaces around it")
  }
  if (bytes > MAX_USER_ID_BYTES) throw unsupported(`User IDs above ${MAX_USER_ID_BYTES} bytes`)
  return userId
}

/**
 * Milliseconds as whole seconds, of which OpenPGP has 32 bits.
 *
 * @throws {AurochsError} `CONFIGURATION` (`expiresInMs`)
 */
export function secondsOf(expiresInMs: number | undefined): number | undefined {
  if (expiresInMs === undefined) return undefined
  const seconds = Math.ceil(expiresInMs / 1000)
  if (!(seconds >= 1 && seconds < 2 ** 32)) {
    throw configuration("expiresInMs", "it is not between a millisecond and 136 years")
  }
  return seconds
}
