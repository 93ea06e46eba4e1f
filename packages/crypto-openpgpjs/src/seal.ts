import { AurochsError, type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, SecretKey } from "@aurochs/crypto"
import * as pgp from "openpgp"
import type { Checked, KeyPacket } from "./checked.ts"
import { encryptionKey, isSecret, momentFor, signingKey } from "./choose.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { makeSignature, packetList } from "./engine.ts"
import { backend, type LeftOut, step } from "./errors.ts"
import { ownerOf, UNKNOWN_OWNER } from "./inspect.ts"
import type { Keyring, Unlocked } from "./secrets.ts"
import { encryptTo } from "./session.ts"

/** What a sealing call may ask for: recipients, a signer, or both. */
export type SealOptions = CallOptions &
  At & { readonly recipients?: readonly Certificate[] | undefined; readonly signWith?: SecretKey | undefined }

/**
 * Signs if there is a signer, then encrypts if there are recipients: SEIPDv1, AES-256, no compression, binary. Neither
 * the cipher nor the form depends on what the recipients prefer.
 *
 * @throws {AurochsError} `NO_USABLE_KEY`, `BAD_DATA` (`certificate`), `BACKEND`, `ABORTED`
 */
export async function seal(
  context: Context,
  keys: Keyring,
  plaintext: Uint8Array,
  options: SealOptions,
): Promise<Uint8Array> {
  throwIfAborted(options)
  const now = momentOf(context, options)
  const recipients = options.recipients && (await readRecipients(context, options.recipients, options))
  const chosen = recipients && chooseRecipients(context, recipients, now)
  const { signWith } = options
  const text = literal(plaintext, now)
  const packets =
    signWith === undefined
      ? packetList([text])
      : await keys.use(signWith, (unlocked) => signed(context, text, unlocked, now))
  throwIfAborted(options)
  const failed = () => backend("encryption failed")
  const sealed =
    chosen === undefined ? packets.write() : await step(() => encryptTo(chosen, packets, context.config), failed)
  throwIfAborted(options)
  if (!(sealed instanceof Uint8Array)) throw backend("the engine answered with a stream")
  return sealed
}

/** The library's literal packet takes its bytes only in its own sources. */
interface TakesBytes {
  setBytes(bytes: Uint8Array, format: pgp.enums.literal): void
}

/** The bytes as they are: not text, so that no line ending is touched. */
function literal(plaintext: Uint8Array, now: Date): pgp.LiteralDataPacket {
  const packet = new (pgp.LiteralDataPacket as unknown as new (date: Date) => pgp.LiteralDataPacket)(now)
  const takes = packet as unknown as TakesBytes
  takes.setBytes(plaintext, pgp.enums.literal.binary)
  return packet
}

async function readRecipients(
  context: Context,
  recipients: readonly Certificate[],
  options: CallOptions,
): Promise<readonly Checked[]> {
  const checked = await Promise.all(recipients.map((one) => readCertificate(context, one.bytes, options)))
  // The same certificate twice would be one session key packet too many.
  return checked.filter((one, i) => checked.findIndex((other) => other.fingerprint === one.fingerprint) === i)
}

function chooseRecipients(context: Context, recipients: readonly Checked[], now: Date): readonly KeyPacket[] {
  const keys: KeyPacket[] = []
  const unfit: { key: Checked; because: string }[] = []
  for (const key of recipients) {
    const usable = encryptionKey(key, now.getTime(), context.config)
    if (typeof usable === "string") unfit.push({ key, because: usable })
    else keys.push(usable.packet)
  }
  if (unfit.length > 0 || keys.length === 0) throw noUsableKey(unfit)
  return keys
}

/** `NO_USABLE_KEY`, naming every key that may not be used. */
export function noUsableKey(unfit: readonly { key: Checked; because: string }[]): AurochsError<"NO_USABLE_KEY"> {
  const leftOut: LeftOut[] = unfit.map(({ key, because }) => ({ fingerprint: key.fingerprint, because }))
  const owner = unfit[0] === undefined ? UNKNOWN_OWNER : ownerOf(unfit[0].key)
  const why = leftOut.map((one) => `${one.fingerprint}: ${one.because}`).join(", ") || "no certificate was given"
  return new AurochsError("NO_USABLE_KEY", `not every key may be used: ${why}`, { owner, leftOut })
}

/** The library's one-pass signature packet is made from a signature only in its own sources. */
const onePass = pgp.OnePassSignaturePacket as unknown as {
  fromSignaturePacket(signature: pgp.SignaturePacket, isLast: boolean): pgp.OnePassSignaturePacket
}

/** RFC 9580 §10.3: a one-pass signature, the text, the signature. */
async function signed(
  context: Context,
  text: pgp.LiteralDataPacket,
  { checked }: Unlocked,
  now: Date,
): Promise<pgp.PacketList<pgp.AnyPacket>> {
  const usable = signingKey(checked, now.getTime(), context.config)
  if (typeof usable === "string") throw noUsableKey([{ key: checked, because: usable }])
  const { packet } = usable
  if (!isSecret(packet)) throw backend("signing failed")
  const { binary } = pgp.enums.signature
  const signature = await step(
    () => makeSignature(binary, packet, text, {}, momentFor(usable, now), context.config),
    () => backend("signing failed"),
  )
  return packetList([onePass.fromSignaturePacket(signature, true), text, signature])
}
