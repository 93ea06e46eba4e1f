import { badXml } from "./limits.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
/** Turned into text in pieces: `String.fromCharCode` takes a bounded number of arguments. */
const PIECE = 8_190

/** Base64 (RFC 4648 §4) on one line, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)))
  }
  return text
}

/**
 * Reads Base64 (RFC 4648 §4), canonical but for white space anywhere, which clients send.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
export function decodeBase64(text: string): Uint8Array {
  const compact = text.replace(/[\t\n\r ]+/g, "")
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(compact) || compact.length % 4 !== 0) throw badXml("not Base64")
  // Bits behind the last byte must be zero, so that one value has one spelling.
  const last = compact.replace(/=+$/, "")
  const spare = compact.length - last.length
  const final = ALPHABET.indexOf(last.at(-1) ?? "A")
  if ((spare === 1 && (final & 3) !== 0) || (spare === 2 && (final & 15) !== 0)) throw badXml("not canonical Base64")
  const binary = atob(compact)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
