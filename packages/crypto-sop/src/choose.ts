import { AurochsError, type BareJid, bareJid, type CallOptions, type Certificate } from "@aurochs/core"
import type { At } from "@aurochs/crypto"
import { recipientsOf } from "./address.ts"
import { type Context, passedOn } from "./context.ts"
import { narrowed, primaryOf, signerOf } from "./key-ids.ts"
import type { Held } from "./keyring.ts"

const UNKNOWN_OWNER: BareJid = bareJid("unknown@unknown.invalid")

/** Something to seal, with which the certificate reader shows whom it would encrypt to and how it would sign. */
const SAMPLE = new Uint8Array(1)

/** Recipients as the program sees them. */
export interface Chosen {
  readonly recipients: readonly Certificate[]
  /** One for each: its primary key and the subkey to encrypt to, nothing else. */
  readonly certificates: readonly Uint8Array[]
  /** Key IDs that the message has to be encrypted to: these and no others. */
  readonly keyIds: readonly (string | undefined)[]
}

/**
 * The certificate reader decides which keys are encrypted to; the program is shown no others.
 *
 * @throws {AurochsError} `NO_USABLE_KEY`, `BAD_DATA` (`certificate`)
 */
export async function chosenRecipients(
  context: Context,
  all: readonly Certificate[],
  options: CallOptions & At,
): Promise<Chosen> {
  // The same certificate twice would be one session key packet too many.
  const names = all.map((one) => primaryOf(one.bytes))
  const recipients = all.filter((_, i) => names.indexOf(names[i] ?? "") === i)
  const keyIds = recipientsOf(await context.reader.encrypt(SAMPLE, { ...passedOn(options), recipients: all }))
  const keep = new Set(keyIds.filter((one) => one !== undefined))
  const certificates = recipients.map((one) => narrowed(one.bytes, one.bytes, keep))
  return { recipients, certificates, keyIds }
}

/** A signer as the program sees it. */
export interface Signer {
  /** The secret key without other subkeys than the one that signs. */
  readonly secret: Uint8Array
  /** Of the key that signs. */
  readonly keyId: string
}

/**
 * The certificate reader decides which key signs.
 *
 * @throws {AurochsError} `NO_USABLE_KEY`
 */
export async function chosenSigner(context: Context, held: Held, options: CallOptions & At): Promise<Signer> {
  const signed = await context.reader.sign(SAMPLE, { ...passedOn(options), signWith: held.inner })
  const keyId = signerOf(signed) ?? ""
  return { secret: narrowed(held.secret, held.inner.certificate.bytes, new Set([keyId])), keyId }
}

/** `NO_USABLE_KEY` for certificates that the program refuses although the certificate reader does not. */
export async function refused(
  context: Context,
  certificates: readonly Certificate[],
  because: "no-encryption-key" | "no-sign-flag",
): Promise<AurochsError<"NO_USABLE_KEY">> {
  const leftOut = certificates.map(({ fingerprint }) => ({ fingerprint, because }))
  const [first] = certificates
  const owner = first === undefined ? UNKNOWN_OWNER : await ownerOf(context, first)
  const who = leftOut.map((one) => one.fingerprint).join(", ")
  return new AurochsError("NO_USABLE_KEY", `${context.program.name} does not use ${who}`, { owner, leftOut })
}

async function ownerOf(context: Context, certificate: Certificate): Promise<BareJid> {
  const { userIds } = await context.reader.inspect(certificate.bytes)
  for (const { text } of userIds.filter((one) => one.status !== "unsigned" && one.text.startsWith("xmpp:"))) {
    try {
      return bareJid(text.slice("xmpp:".length))
    } catch {
      // Not an address: the next one may be.
    }
  }
  return UNKNOWN_OWNER
}
