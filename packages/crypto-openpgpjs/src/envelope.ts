import type { Limits } from "@aurochs/crypto"
import { type Packet, readPackets, tag } from "@aurochs/crypto/packets"
import { badData } from "./errors.ts"
import { hexOf } from "./hex.ts"

/** A packet: whole, and its body in one piece. */
export interface Whole {
  readonly bytes: Uint8Array
  readonly body: Uint8Array
}

/** Session key packet: the key ID it names (hex, lower case), or undefined for a hidden recipient. */
export interface SessionPacket extends Whole {
  readonly keyId: string | undefined
}

/** The encrypted data packet: SEIPD, or GnuPG's own kind (20). */
export interface EncryptedPacket extends Whole {
  readonly tag: number
}

/** The outside of one OpenPGP message. */
export type Envelope =
  | {
      readonly kind: "encrypted"
      /** Public-key session key packets (PKESK). */
      readonly forKeys: readonly SessionPacket[]
      /** Password session key packets (SKESK). */
      readonly forPasswords: readonly Whole[]
      readonly data: EncryptedPacket
      readonly packets: number
    }
  | { readonly kind: "clear"; readonly packets: number }

/** What may stand in a message that is not encrypted. */
const CLEAR: ReadonlySet<number> = new Set([
  tag.signature,
  tag.onePassSignature,
  tag.compressed,
  tag.literal,
  tag.marker,
  tag.padding,
])

/**
 * Looks at the packet headers of a message before anything is parsed: exactly one message, nothing around it, nothing
 * without integrity protection (attacks A15, A27).
 *
 * @throws {AurochsError} `BAD_DATA`
 */
export function readEnvelope(bytes: Uint8Array, limits: Limits): Envelope {
  if (bytes.length > limits.maxMessageBytes) {
    throw badData("message", "it exceeds maxMessageBytes", "maxMessageBytes")
  }
  const packets = readPackets(bytes, limits)
  if (packets === "too-many") throw badData("message", "it exceeds maxPackets", "maxPackets")
  if (packets === "malformed") throw badData("message", "not one binary OpenPGP message")
  if (packets.some((p) => p.tag === tag.encryptedWithoutIntegrity)) {
    throw badData("message", "encrypted without integrity protection")
  }
  if (packets.every((p) => CLEAR.has(p.tag))) return { kind: "clear", packets: packets.length }
  return encryptedEnvelope(packets)
}

function encryptedEnvelope(packets: readonly Packet[]): Envelope {
  const data = packets.at(-1)
  const before = packets.slice(0, -1)
  const known = before.every((p) => p.tag === tag.publicKeySession || p.tag === tag.passwordSession || IGNORED(p.tag))
  if (data === undefined || (data.tag !== tag.encrypted && data.tag !== tag.aeadEncrypted) || !known) {
    throw badData("message", "not one OpenPGP message")
  }
  return {
    kind: "encrypted",
    forKeys: before
      .filter((p) => p.tag === tag.publicKeySession)
      .map(({ bytes, body }) => ({ bytes, body, keyId: recipientOf(body) })),
    forPasswords: before.filter((p) => p.tag === tag.passwordSession),
    data,
    packets: packets.length,
  }
}

/** RFC 9580 §4.3, §5.8: markers, padding and unknown types from 40 up are to be ignored. */
function IGNORED(type: number): boolean {
  return type === tag.marker || type === tag.padding || type >= 40
}

/** RFC 9580 §5.1: version 3 names a key ID, version 6 a fingerprint; zeros or nothing mean that it is hidden. */
function recipientOf(body: Uint8Array): string | undefined {
  if (body[0] === 3) return keyId(body.subarray(1, 9))
  if (body[0] !== 6) return undefined
  const length = body[1] ?? 0
  const fingerprint = body.subarray(3, 2 + length)
  return length === 0 ? undefined : keyId(body[2] === 4 ? fingerprint.subarray(-8) : fingerprint.subarray(0, 8))
}

function keyId(bytes: Uint8Array): string | undefined {
  return bytes.every((byte) => byte === 0) ? undefined : hexOf(bytes)
}
