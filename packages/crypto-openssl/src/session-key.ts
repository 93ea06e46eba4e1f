import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hash,
  type KeyObject,
} from "node:crypto"
import { tag, writeHeader } from "@aurochs/crypto/packets"
import type { Ephemeral } from "./ephemeral.ts"
import { algorithm, type EncryptionKey, type KeyWrapping } from "./public-key.ts"

/** RFC 3394 §2.2.3.1 */
const WRAP_IV = Buffer.alloc(8, 0xa6)

/** Symmetric algorithms (RFC 9580 §9.3) of messages; others are read by the fallback. */
const CIPHERS = new Map<number, { readonly name: Cipher; readonly keyBytes: number }>([
  [7, { name: "aes-128-cfb", keyBytes: 16 }],
  [9, { name: "aes-256-cfb", keyBytes: 32 }],
])

type Cipher = "aes-128-cfb" | "aes-256-cfb"

const AES_256 = 9
/** Algorithm, key, checksum, padded to 40 bytes (RFC 9580 §11.5). */
const PADDED_BYTES = 40
/** Version, key ID, algorithm, ephemeral point, wrapped session key. */
const BODY_BYTES = 1 + 8 + 1 + 2 + 33 + 1 + PADDED_BYTES + 8

/** Bytes of one session key packet as {@link writeSessionKey} writes it. */
export const SESSION_PACKET_BYTES: number = 2 + BODY_BYTES

/**
 * An AES-256 session key as it is wrapped: algorithm, key, checksum, padding.
 *
 * @param key 32 bytes
 */
export function paddedSessionKey(key: Buffer): Buffer {
  const padded = Buffer.alloc(PADDED_BYTES, 5)
  padded[0] = AES_256
  key.copy(padded, 1)
  padded.writeUInt16BE(checksum(key), 33)
  return padded
}

/**
 * Writes a version 3 session key packet for one Curve25519 key (RFC 9580 §5.1.1, §5.1.5).
 *
 * @param padded of {@link paddedSessionKey}
 * @param ephemeral never used before
 * @returns where the packet ends
 */
export function writeSessionKey(
  into: Buffer,
  at: number,
  to: EncryptionKey,
  padded: Buffer,
  ephemeral: Ephemeral,
): number {
  const kek = keyEncryptionKey(ephemeral.privateKey, to.publicKey, to.wrapping)
  const wrapped = createCipheriv(to.wrapping.cipher, kek, WRAP_IV).update(padded)
  const start = writeHeader(into, at, tag.publicKeySession, BODY_BYTES)
  into[start] = 3
  to.keyId.copy(into, start + 1)
  into[start + 9] = algorithm.ecdh
  into.writeUInt16BE(263, start + 10)
  into[start + 12] = 0x40
  into.write(ephemeral.x, start + 13, "base64url")
  into[start + 45] = wrapped.length
  wrapped.copy(into, start + 46)
  return start + BODY_BYTES
}

/** A session key packet for a Curve25519 key. */
export interface SessionPacket {
  readonly keyId: Buffer
  readonly point: Buffer
  readonly wrapped: Buffer
}

/** The key ID that a version 3 packet names; undefined for another version. */
export function recipientOf(body: Buffer): Buffer | undefined {
  return body[0] === 3 && body.length >= 10 ? body.subarray(1, 9) : undefined
}

/** Reads a version 3 packet for ECDH with a native point of 32 bytes; undefined for any other. */
export function readSessionPacket(body: Buffer): SessionPacket | undefined {
  const length = body[45]
  if (length === undefined || length % 8 !== 0 || length < 24 || length > 48 || body.length !== 46 + length) {
    return undefined
  }
  if (body[0] !== 3 || body[9] !== algorithm.ecdh || body.readUInt16BE(10) !== 263 || body[12] !== 0x40)
    return undefined
  return { keyId: body.subarray(1, 9), point: body.subarray(13, 45), wrapped: body.subarray(46) }
}

/** The key of one message. */
export interface MessageKey {
  readonly cipher: Cipher
  readonly key: KeyObject
}

/**
 * Recovers the session key; undefined where it is not exactly one AES-128 or AES-256 key with its checksum and padding.
 *
 * @throws if the wrapping does not hold or the point is of low order
 */
export function openSessionKey(
  packet: SessionPacket,
  privateKey: KeyObject,
  wrapping: KeyWrapping,
): MessageKey | undefined {
  const publicKey = x25519PublicKey(packet.point)
  const kek = keyEncryptionKey(privateKey, publicKey, wrapping)
  const padded = createDecipheriv(wrapping.cipher, kek, WRAP_IV).update(packet.wrapped)
  const cipher = CIPHERS.get(padded[0] ?? 0)
  const bytes = cipher && padded.subarray(1, 1 + cipher.keyBytes)
  const right = cipher !== undefined && isWellPadded(padded, cipher.keyBytes)
  const key = right && bytes ? createSecretKey(bytes) : undefined
  padded.fill(0)
  return cipher && key && { cipher: cipher.name, key }
}

/**
 * From its 32 bytes. As PEM: given an object Node finds out what it is by four exceptions, each with a stack trace, which
 * takes three times as long, and longer the deeper the caller stands. The 12 bytes before the point (RFC 8410 §4) are 16
 * characters of Base64, so that it may simply follow.
 */
function x25519PublicKey(point: Buffer): KeyObject {
  return createPublicKey(
    `-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA${point.toString("base64")}\n-----END PUBLIC KEY-----`,
  )
}

/** The checksum and every byte of the padding, without a branch on any of them. */
function isWellPadded(padded: Buffer, keyBytes: number): boolean {
  const end = 1 + keyBytes + 2
  const pad = padded.length - end
  if (pad < 0 || padded.length > PADDED_BYTES) return false
  let difference = checksum(padded.subarray(1, 1 + keyBytes)) ^ padded.readUInt16BE(1 + keyBytes)
  for (let i = end; i < padded.length; i++) difference |= (padded[i] ?? 0) ^ pad
  return difference === 0 && pad > 0
}

/** RFC 9580 §5.1: the sum of the bytes of the key. */
function checksum(key: Buffer): number {
  let sum = 0
  for (const byte of key) sum += byte
  return sum & 0xffff
}

/** RFC 9580 §11.5: the shared secret, hashed with what both sides know. */
function keyEncryptionKey(privateKey: KeyObject, publicKey: KeyObject, wrapping: KeyWrapping): KeyObject {
  const { parameters } = wrapping
  const shared = diffieHellman({ privateKey, publicKey })
  const input = Buffer.allocUnsafe(36 + parameters.length)
  input.writeUInt32BE(1, 0)
  shared.copy(input, 4)
  parameters.copy(input, 36)
  const digest = hash(wrapping.hash, input, "buffer")
  // As an object: Node takes five times as long for a cipher whose key comes as bytes.
  const kek = createSecretKey(digest.subarray(0, wrapping.keyBytes))
  for (const secret of [shared, input, digest]) secret.fill(0)
  return kek
}
