import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, SecretKey } from "@aurochs/crypto"
import { tag, writePackets } from "@aurochs/crypto/packets"
import { recipientsOf } from "./address.ts"
import { type Chosen, chosenRecipients, chosenSigner, refused } from "./choose.ts"
import { type Context, requireNow } from "./context.ts"
import { backend, exit, exited } from "./errors.ts"
import { type Folder, withFolder } from "./folder.ts"
import { packets } from "./packets.ts"
import { run } from "./run.ts"

type SealOptions = CallOptions & At & { readonly recipients: readonly Certificate[]; readonly signWith?: SecretKey }

/**
 * Encrypts with the program to exactly the keys that the certificate reader chose, and signs before if there is a signer.
 *
 * @throws {AurochsError} `NO_USABLE_KEY`, `BAD_DATA` (`certificate`), `UNSUPPORTED` (`now`), `BACKEND`, `ABORTED`
 */
export async function seal(context: Context, plaintext: Uint8Array, options: SealOptions): Promise<Uint8Array> {
  throwIfAborted(options)
  const { signWith } = options
  return context.keys.use(signWith === undefined ? [] : [signWith], async ([held]) => {
    const to = await chosenRecipients(context, options.recipients, options)
    const signer = held && (await chosenSigner(context, held, options))
    requireNow(context, options)
    return withFolder(context.folder, context.program, options, async (folder) => {
      const with_ = signer === undefined ? [] : [`--sign-with=${await folder.write("signing-key", signer.secret)}`]
      const certificates = await Promise.all(to.certificates.map((one, i) => folder.write(`certificate-${i}`, one)))
      const ended = await run(context.program, {
        args: ["encrypt", "--no-armor", ...with_, ...certificates],
        input: plaintext,
        folder: folder.path,
        maxOutputBytes: bound(plaintext, certificates.length),
        signal: options.signal,
      })
      if (ended.ok) return checked(context, ended.output, to)
      if (ended.exitCode === exit.keyCannotSign && held !== undefined) {
        throw await refused(context, [held.inner.certificate], "no-sign-flag")
      }
      if (ended.exitCode === exit.certificateCannotEncrypt) throw await notEncryptedTo(context, folder, to, options)
      throw exited(context.program.name, "encrypt", ended.exitCode)
    })
  })
}

/** More than any message around this text: a program that prints without end is stopped. */
export function bound(plaintext: Uint8Array, keys: number): number {
  return 2 * plaintext.length + 65_536 + 4_096 * keys
}

/**
 * What the program wrote: a session key for each recipient, none left out and none added, then one SEIPDv1 packet, which
 * every peer reads. Partial lengths are joined.
 */
function checked(context: Context, sealed: Uint8Array, { keyIds }: Chosen): Uint8Array {
  const all = packets(sealed)
  const data = all.at(-1)
  if (data?.tag !== tag.encrypted || all.length !== keyIds.length + 1) {
    throw backend(context.program.name, "what it encrypted is not one binary message with a session key for each")
  }
  if (data.body[0] !== 1) throw backend(context.program.name, "it does not write SEIPDv1")
  if (sorted(recipientsOf(sealed)) !== sorted(keyIds)) {
    throw backend(context.program.name, "it encrypted to other keys than it was given")
  }
  return data.length === "definite" ? sealed : writePackets(all)
}

function sorted(keyIds: readonly (string | undefined)[]): string {
  return keyIds
    .map((one) => one ?? "")
    .sort()
    .join(" ")
}

/** Exit code 17 does not say whom it is about: each recipient is tried alone. */
async function notEncryptedTo(context: Context, folder: Folder, to: Chosen, options: CallOptions): Promise<Error> {
  const bad: Certificate[] = []
  for (const [i, recipient] of to.recipients.entries()) {
    const ended = await run(context.program, {
      args: ["encrypt", "--no-armor", `${folder.path}/certificate-${i}`],
      input: new Uint8Array(1),
      folder: folder.path,
      maxOutputBytes: bound(new Uint8Array(), 1),
      signal: options.signal,
    })
    if (!ended.ok) bad.push(recipient)
  }
  return refused(context, bad.length > 0 ? bad : to.recipients, "no-encryption-key")
}
