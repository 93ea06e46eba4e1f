import { type Packet, readPackets, tag, writePackets } from "@aurochs/crypto/packets"
import { backend } from "./errors.ts"
import type { Recipient } from "./recipients.ts"

/** Far more than there are recipients of one message. */
const MAX_PACKETS = 4_096

function packetsOrNone(message: Uint8Array): readonly Packet[] {
  const packets = readPackets(message, { maxPackets: MAX_PACKETS })
  return typeof packets === "string" ? [] : packets
}

/** Is the data encrypted as everybody can read it (SEIPDv1)? */
export function isPlainEncryption(message: Uint8Array): boolean {
  const data = packetsOrNone(message).at(-1)
  return data?.tag === tag.encrypted && data.body[0] === 1
}

/**
 * What gpg sealed, if it is what was asked for: for each recipient one session key packet and no other one, then the
 * data. Partial lengths become one.
 *
 * @param stranger whose session key packet is taken out
 * @throws {AurochsError} `BACKEND`
 */
export function encryptedMessage(message: Uint8Array, to: readonly Recipient[], stranger?: Recipient): Uint8Array {
  const packets = packetsOrNone(message)
  const [data, ...before] = [...packets].reverse()
  const named = before.reverse().map((one) => ({ one, keyId: keyIdOf(one) }))
  const wanted = stranger === undefined ? to : [...to, stranger]
  const eachOnce = wanted.every(({ keyIds }) => named.filter(({ keyId }) => keyIds.includes(keyId)).length === 1)
  if (data === undefined || !isPlainEncryption(message) || named.length !== wanted.length || !eachOnce) {
    throw backend("gpg sealed the message otherwise than it was asked to")
  }
  const kept = named.filter(({ keyId }) => stranger?.keyIds.includes(keyId) !== true)
  return writePackets([...kept.map(({ one }) => one), data])
}

/**
 * What gpg signed: a one-pass signature, the text, the signature.
 *
 * @throws {AurochsError} `BACKEND`
 */
export function signedMessage(message: Uint8Array): Uint8Array {
  const packets = packetsOrNone(message)
  const tags = packets.map((one) => one.tag).join()
  if (tags !== [tag.onePassSignature, tag.literal, tag.signature].join()) {
    throw backend("gpg signed the message otherwise than it was asked to")
  }
  return writePackets(packets)
}

/** Empty if it is no session key packet of version 3. */
function keyIdOf({ tag: type, body }: Packet): string {
  if (type !== tag.publicKeySession || body[0] !== 3) return ""
  return Buffer.from(body.subarray(1, 9)).toString("hex").toUpperCase()
}
