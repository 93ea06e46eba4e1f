import type { CallOptions, Certificate, Fingerprint } from "@aurochs/core"
import type { Context } from "./context.ts"
import { backend } from "./errors.ts"
import { type OwnPart, ownParts } from "./own-parts.ts"
import { argsOf, lacksAgent, lacksSecret } from "./status.ts"

/** A key of the homedir: its certificate as the homedir has it, and where its secrets are. */
export interface OwnKey {
  readonly certificate: Certificate
  /** The primary key first. */
  readonly parts: readonly OwnPart[]
}

/**
 * Looks a key up by the fingerprint of its primary key.
 *
 * @returns undefined if the homedir has no secret of it
 * @throws {AurochsError} `BACKEND`, `BAD_DATA` (`certificate`) if the certificate reader cannot read it, `ABORTED`
 */
export async function ownKey(
  context: Context,
  wanted: Fingerprint,
  options: CallOptions | undefined,
): Promise<OwnKey | undefined> {
  const { signal } = options ?? {}
  const args = ["--with-colons", "--with-fingerprint", "--with-fingerprint", "--list-secret-keys", "--", wanted]
  const listed = await context.keyring({ args, signal }, ({ exitCode }) => exitCode === 0)
  if (listed.exitCode !== 0) {
    if (lacksAgent(listed.status)) throw backend("gpg-agent does not answer", listed.exitCode)
    if (lacksSecret(listed.status) || argsOf(listed.status, "ERROR")?.[0] === "keylist.getkey") return undefined
    throw backend("gpg cannot list its keys", listed.exitCode)
  }
  const parts = ownParts(new TextDecoder().decode(listed.output))
  // gpg also finds a key by one of its subkeys; that is another fingerprint than the one asked for.
  if (parts[0]?.fingerprint !== wanted || parts.every((part) => part.secret === "missing")) return undefined
  const bytes = await exported(context, wanted, options)
  const info = await context.certificates.inspect(bytes, { signal })
  if (info.fingerprint !== wanted) throw backend("gpg answered with another certificate")
  return { certificate: { fingerprint: wanted, bytes }, parts }
}

async function exported(context: Context, wanted: Fingerprint, options: CallOptions | undefined): Promise<Uint8Array> {
  const task = { args: ["--export", "--", wanted], signal: options?.signal }
  const { exitCode, output } = await context.keyring(task, (answer) => answer.output.length > 0)
  if (exitCode !== 0 || output.length === 0) throw backend("gpg cannot export the certificate", exitCode)
  return output
}
