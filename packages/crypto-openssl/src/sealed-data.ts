import { createCipheriv, createDecipheriv, createSecretKey, hash, timingSafeEqual } from "node:crypto"
import type { MessageKey } from "./session-key.ts"

/** A random block and its last two bytes again (RFC 9580 §5.13.1). */
export const PREFIX_BYTES = 18
/** The header of the integrity packet and SHA-1. */
export const INTEGRITY_BYTES = 22

const IV = Buffer.alloc(16)

/**
 * Encrypts with integrity protection, version 1 (RFC 9580 §5.13.1).
 *
 * @param inside begins with 16 random bytes and two bytes of room, ends with 22 bytes of room
 * @param key 32 bytes
 * @returns the body of the packet behind its version
 */
export function protect(inside: Buffer, key: Buffer): Buffer {
  inside.copy(inside, 16, 14, 16)
  const end = inside.length - 20
  inside[end - 2] = 0xd3
  inside[end - 1] = 0x14
  hash("sha1", inside.subarray(0, end), "buffer").copy(inside, end)
  return createCipheriv("aes-256-cfb", createSecretKey(key), IV).update(inside)
}

/**
 * Decrypts and checks the integrity before anything is looked at.
 *
 * @param body of a version 1 packet, its version included
 * @returns the packets inside; undefined if they were altered, cut off, or never whole
 */
export function unprotect(body: Buffer, { cipher, key }: MessageKey): Buffer | undefined {
  if (body[0] !== 1 || body.length < 1 + PREFIX_BYTES + INTEGRITY_BYTES) return undefined
  const inside = createDecipheriv(cipher, key, IV).update(body.subarray(1))
  const end = inside.length - 20
  const whole = timingSafeEqual(hash("sha1", inside.subarray(0, end), "buffer"), inside.subarray(end))
  if (!whole || inside[end - 2] !== 0xd3 || inside[end - 1] !== 0x14) return undefined
  // Only now, and so no oracle (RFC 9580 §5.13.1): other engines refuse a prefix that does not repeat.
  if (inside[14] !== inside[16] || inside[15] !== inside[17]) return undefined
  return inside.subarray(PREFIX_BYTES, end - 2)
}
