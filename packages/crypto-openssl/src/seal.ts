import { randomFillSync } from "node:crypto"
import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At, SecretKey } from "@aurochs/crypto"
import { headerBytes, tag, writeHeader } from "@aurochs/crypto/packets"
import type { Engine } from "./engine.ts"
import type { Recipient } from "./known.ts"
import { view } from "./packets.ts"
import { INTEGRITY_BYTES, PREFIX_BYTES, protect } from "./sealed-data.ts"
import { paddedSessionKey, SESSION_PACKET_BYTES, writeSessionKey } from "./session-key.ts"
import { ONE_PASS_BYTES, type Signer, signData, writeOnePass } from "./signature.ts"

/** What may be asked for. */
export type SealOptions = CallOptions &
  At & { readonly recipients: readonly Certificate[]; readonly signWith?: SecretKey | undefined }

/** Every one costs a tenth of a millisecond in which nothing else runs; larger circles are the fallback's. */
const MAX_RECIPIENTS = 64

const MAX_SECONDS = 2 ** 32

/**
 * Signs if there is a signer, then encrypts: SEIPDv1, AES-256, SHA-512, no compression, binary.
 *
 * @returns undefined for all that the narrow path does not do
 * @throws anything: then likewise
 */
export async function seal(
  engine: Engine,
  plaintext: Uint8Array,
  options: SealOptions,
): Promise<Uint8Array | undefined> {
  throwIfAborted(options)
  const { recipients: certificates, signWith } = options
  const now = (options.now ?? engine.facts.clock.now()).getTime()
  const seconds = Math.floor(now / 1000)
  // Written so that a moment that is none is left to the fallback too.
  if (!(seconds >= 0 && seconds < MAX_SECONDS)) return undefined
  if (certificates.length === 0 || certificates.length > MAX_RECIPIENTS) return undefined
  if (plaintext.length > engine.facts.limits.maxPlaintextBytes) return undefined
  const recipients: Recipient[] = []
  for (const { bytes } of certificates) {
    const asked = engine.known.recipient(bytes, now, options)
    const recipient = asked instanceof Promise ? await asked : asked
    if (recipient === undefined) return undefined
    // The same certificate twice would be one session key packet too many.
    if (!recipients.some((one) => one.certificate === recipient.certificate)) recipients.push(recipient)
  }
  const asked = signWith && engine.handles.signer(signWith, now, options)
  const own = asked instanceof Promise ? await asked : asked
  if (signWith !== undefined && (own === undefined || now < own.madeAt)) return undefined
  throwIfAborted(options)
  return message(view(plaintext), seconds, recipients, own?.signer, engine)
}

function message(
  data: Buffer,
  seconds: number,
  recipients: readonly Recipient[],
  signer: Signer | undefined,
  engine: Engine,
): Uint8Array {
  const random = randomFillSync(Buffer.allocUnsafe(32 + 16))
  const key = random.subarray(0, 32)
  const inside = content(data, seconds, signer)
  random.copy(inside, 0, 32)
  const encrypted = protect(inside, key)
  inside.fill(0)
  const length = 1 + encrypted.length
  const sessions = recipients.length * SESSION_PACKET_BYTES
  const all = Buffer.alloc(sessions + headerBytes(length) + length)
  const padded = paddedSessionKey(key)
  let at = 0
  for (const recipient of recipients) at = writeSessionKey(all, at, recipient.key, padded, engine.ephemeralKey())
  padded.fill(0)
  random.fill(0)
  at = writeHeader(all, at, tag.encrypted, length)
  all[at] = 1
  encrypted.copy(all, at + 1)
  return new Uint8Array(all.buffer, all.byteOffset, all.length)
}

/** The packets inside, with room for the random prefix before them and the integrity packet behind them. */
function content(data: Buffer, seconds: number, signer: Signer | undefined): Buffer {
  const literalBytes = 6 + data.length
  const signature = signer && signData(data, signer, seconds)
  const around = signature ? ONE_PASS_BYTES + headerBytes(signature.length) + signature.length : 0
  const inside = Buffer.allocUnsafe(PREFIX_BYTES + headerBytes(literalBytes) + literalBytes + around + INTEGRITY_BYTES)
  let at = signer ? writeOnePass(inside, PREFIX_BYTES, signer) : PREFIX_BYTES
  at = writeHeader(inside, at, tag.literal, literalBytes)
  // "b", no file name, the time.
  inside[at] = 0x62
  inside[at + 1] = 0
  inside.writeUInt32BE(seconds, at + 2)
  data.copy(inside, at + 6)
  if (signature) {
    at = writeHeader(inside, at + literalBytes, tag.signature, signature.length)
    signature.copy(inside, at)
  }
  return inside
}
