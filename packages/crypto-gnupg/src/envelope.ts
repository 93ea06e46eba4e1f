import type { Limits } from "@aurochs/crypto"
import { type Packet, readPackets, tag } from "@aurochs/crypto/packets"
import { badData } from "./errors.ts"

/** A session key packet for a public key. */
export interface SessionPacket {
  /** 3, or 6 (RFC 9580 §5.1). */
  readonly version: number
  /** Upper-case hex; undefined for a hidden recipient. */
  readonly keyId: string | undefined
  /** Public-key algorithm; undefined in version 6, which GnuPG does not read. */
  readonly algorithm: number | undefined
  readonly body: Uint8Array
}

/** The outside of one message: that it is not encrypted, or whom it is encrypted to. */
export type Envelope =
  | { readonly kind: "clear" }
  | { readonly kind: "encrypted"; readonly sessions: readonly SessionPacket[] }

const CLEAR: ReadonlySet<number> = new Set([
  tag.signature,
  tag.onePassSignature,
  tag.compressed,
  tag.literal,
  tag.marker,
  tag.padding,
])

/**
 * Looks at the packet headers of a message, before gpg or anybody sees anything of it: exactly one message, binary,
 * within the limits, protected against alteration (attacks A15, A16, A27).
 *
 * @throws {AurochsError} `BAD_DATA` (`message`)
 */
export function readEnvelope(message: Uint8Array, limits: Limits): Envelope {
  if (message.length > limits.maxMessageBytes) throw tooMuch("maxMessageBytes")
  const packets = readPackets(message, limits)
  if (packets === "too-many") throw tooMuch("maxPackets")
  if (packets === "malformed") throw badData("message", "not one binary OpenPGP message")
  if (packets.some((one) => one.tag === tag.encryptedWithoutIntegrity)) {
    throw badData("message", "encrypted without integrity protection")
  }
  if (packets.every((one) => CLEAR.has(one.tag))) return { kind: "clear" }
  const last = packets.at(-1)?.tag
  const before = packets.slice(0, -1)
  if ((last !== tag.encrypted && last !== tag.aeadEncrypted) || !before.every(mayComeBefore)) {
    throw badData("message", "not one OpenPGP message")
  }
  return { kind: "encrypted", sessions: before.filter((one) => one.tag === tag.publicKeySession).map(sessionOf) }
}

/** Markers, padding and types from 40 up are to be ignored (RFC 9580 §4.3). */
function mayComeBefore({ tag: type }: Packet): boolean {
  if (type === tag.publicKeySession || type === tag.passwordSession) return true
  return type === tag.marker || type === tag.padding || type >= 40
}

function sessionOf({ body }: Packet): SessionPacket {
  const version = body[0] ?? 0
  if (version === 3) {
    const keyId = hex(body.subarray(1, 9))
    return { version, keyId: /^0*$/.test(keyId) ? undefined : keyId, algorithm: body[9], body }
  }
  // Version 6: length, version of the key, fingerprint.
  const fingerprint = body.subarray(3, 2 + (body[1] ?? 0))
  const keyId = body[2] === 4 ? hex(fingerprint.subarray(-8)) : hex(fingerprint.subarray(0, 8))
  return { version, keyId: keyId === "" ? undefined : keyId, algorithm: undefined, body }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase()
}

function tooMuch(limit: keyof Limits): Error {
  return badData("message", `it exceeds ${limit}`, limit)
}
