import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, SecretKey } from "@aurochs/crypto"
import { chosenSigner, refused, type Signer } from "./choose.ts"
import { type Context, requireNow } from "./context.ts"
import { inlineSigned } from "./detached.ts"
import { backend, exit, exited } from "./errors.ts"
import { type Folder, withFolder } from "./folder.ts"
import { type Ended, run } from "./run.ts"
import { bound } from "./seal.ts"

type SignOptions = CallOptions & At & { readonly signWith: SecretKey }

/**
 * Signs with the program, and with a detached signature if it has no `inline-sign`.
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
      const signed = await signedBy(context, folder, plaintext, signer, certificate, options)
      await mustBeSigned(context, signed, plaintext, certificate)
      return signed
    })
  })
}

async function signedBy(
  context: Context,
  folder: Folder,
  plaintext: Uint8Array,
  signer: Signer,
  certificate: Certificate,
  { signal }: CallOptions,
): Promise<Uint8Array> {
  const { program } = context
  const key = await folder.write("signing-key", signer.secret)
  const once = (subcommand: string): Promise<Ended> =>
    run(program, {
      args: [subcommand, "--no-armor", key],
      input: plaintext,
      folder: folder.path,
      maxOutputBytes: bound(plaintext, 1),
      signal,
    })
  const inline = await once("inline-sign")
  if (inline.ok) return inline.output
  if (inline.exitCode === exit.keyCannotSign) throw await refused(context, [certificate], "no-sign-flag")
  if (inline.exitCode !== exit.unsupportedSubcommand) throw exited(program.name, "inline-sign", inline.exitCode)
  const detached = await once("sign")
  if (!detached.ok) throw exited(program.name, "sign", detached.exitCode)
  const signed = inlineSigned(plaintext, detached.output, signer.keyId)
  if (signed === undefined) throw backend(program.name, "it did not make one binary signature")
  return signed
}

/** Public anyway, so it is read again: the same text, under a valid signature. */
async function mustBeSigned(
  context: Context,
  signed: Uint8Array,
  plaintext: Uint8Array,
  by: Certificate,
): Promise<void> {
  const limits = { maxMessageBytes: signed.length, maxPlaintextBytes: plaintext.length }
  const opened = await context.reader.open(signed, { decryptWith: [], verifyWith: [by], limits }).catch(() => undefined)
  const good = opened?.signatures.length === 1 && opened.signatures[0]?.kind === "valid"
  if (!good || opened.encrypted || Buffer.compare(opened.plaintext, plaintext) !== 0) {
    throw backend(context.program.name, "what it signed is not this text under one valid signature")
  }
}
