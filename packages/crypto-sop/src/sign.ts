import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, SecretKey } from "@aurochs/crypto"
import { chosenSigner, refused } from "./choose.ts"
import { type Context, requireNow } from "./context.ts"
import { inlineSigned } from "./detached.ts"
import { backend, exit, exited } from "./errors.ts"
import { withFolder } from "./folder.ts"
import { type Ended, run } from "./run.ts"
import { bound } from "./seal.ts"

type SignOptions = CallOptions & At & { readonly signWith: SecretKey }

/**
 * Signs with the program. A detached signature becomes a signed message if it has no `inline-sign`, or if what that wrote
 * is not what was asked for: gosop 1.1 ends a binary message with a line break.
 *
 * @throws {AurochsError} `NO_USABLE_KEY`, `UNSUPPORTED` (`now`), `BACKEND`, `ABORTED`
 */
export async function sign(context: Context, plaintext: Uint8Array, options: SignOptions): Promise<Uint8Array> {
  throwIfAborted(options)
  return context.keys.use([options.signWith], async (all) => {
    const [held] = all
    if (held === undefined) throw backend(context.program.name, "no key")
    const signer = await chosenSigner(context, held, options)
    requireNow(context, options)
    const { certificate } = held.inner
    return withFolder(context.folder, context.program, options, async (folder) => {
      const key = await folder.write("signing-key", signer.secret)
      const once = (subcommand: string): Promise<Ended> =>
        run(context.program, {
          args: [subcommand, "--no-armor", key],
          input: plaintext,
          folder: folder.path,
          maxOutputBytes: bound(plaintext, 1),
          signal: options.signal,
        })
      const isSigned = (signed: Uint8Array) => isSignedBy(context, signed, plaintext, certificate)
      const inline = await once("inline-sign")
      if (inline.ok && (await isSigned(inline.output))) return inline.output
      if (!inline.ok && inline.exitCode === exit.keyCannotSign) {
        throw await refused(context, [certificate], "no-sign-flag")
      }
      if (!inline.ok && inline.exitCode !== exit.unsupportedSubcommand) {
        throw exited(context.program.name, "inline-sign", inline.exitCode)
      }
      const detached = await once("sign")
      if (!inline.ok && !detached.ok) throw exited(context.program.name, "sign", detached.exitCode)
      const signed = detached.ok ? inlineSigned(plaintext, detached.output, signer.keyId) : undefined
      if (signed !== undefined && (await isSigned(signed))) return signed
      throw backend(context.program.name, "what it signed is not this text under one valid signature")
    })
  })
}

/** Public anyway, so it is read again: is it the same text, under a valid signature? */
async function isSignedBy(
  context: Context,
  signed: Uint8Array,
  plaintext: Uint8Array,
  by: Certificate,
): Promise<boolean> {
  const limits = { maxMessageBytes: signed.length, maxPlaintextBytes: plaintext.length }
  const opened = await context.reader.open(signed, { decryptWith: [], verifyWith: [by], limits }).catch(() => undefined)
  const good = opened?.signatures.length === 1 && opened.signatures[0]?.kind === "valid"
  return good && !opened.encrypted && Buffer.compare(opened.plaintext, plaintext) === 0
}
