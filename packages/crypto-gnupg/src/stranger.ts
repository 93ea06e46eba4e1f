import type { CallOptions } from "@aurochs/core"
import type { At } from "@aurochs/crypto"
import type { Context } from "./context.ts"
import { type Recipient, readRecipients } from "./recipients.ts"

/**
 * A recipient that announces no AEAD and that nobody is: its secret key is forgotten at once. It keeps a newer gpg from
 * encrypting in a way that many cannot read; its session key packet never leaves this package.
 *
 * @throws {AurochsError} of the certificate reader
 */
export async function stranger(context: Context, options: CallOptions & Required<At>): Promise<Recipient> {
  const { now = new Date(0), signal } = options
  const { key } = await context.certificates.generate({ userId: "xmpp:nobody@nobody.invalid" }, { now, signal })
  await key[Symbol.asyncDispose]()
  const [one] = await readRecipients(context, [key.certificate], now, { signal })
  if (one === undefined) throw new Error("a certificate that was just made is readable")
  return one
}
