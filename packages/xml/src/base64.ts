import { badXml } from "./limits.ts"

/** Turned into text in pieces: `String.fromCharCode` takes a bounded number of arguments. */
const PIECE = 8_190

/** Node's own codec, where there is one: fifteen times as fast as `atob` and a loop, which all browsers have. */
interface NodeBuffer {
  from(bytes: ArrayBufferLike, byteOffset: number, length: number): Uint8Array & { toString(as: "base64"): string }
  from(text: string, as: "base64"): Uint8Array & { toString(as: "base64"): string }
}
const node = (globalThis as { readonly Buffer?: NodeBuffer }).Buffer

/** Base64 (RFC 4648 §4) on one line, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  return node === undefined
    ? webBase64.encode(bytes)
    : node.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")
}

/**
 * Reads Base64 (RFC 4648 §4), canonical but for white space anywhere, which clients send.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
export function decodeBase64(text: string): Uint8Array {
  return decodeExact(text) ?? decodeExact(text.replace(/[\t\n\r ]+/g, "")) ?? refuse()
}

/** What is decoded has to give the same text again: one value has one spelling, and nothing else is Base64. */
function decodeExact(text: string): Uint8Array | undefined {
  // Another length cannot be right. Node's codec takes anything and stops at what it does not know.
  if (text.length % 4 !== 0) return undefined
  if (node !== undefined) {
    const bytes = node.from(text, "base64")
    // A copy: short ones lie in memory that they share with others.
    return bytes.toString("base64") === text ? new Uint8Array(bytes) : undefined
  }
  const bytes = webBase64.decode(text)
  return bytes !== undefined && encodeBase64(bytes) === text ? bytes : undefined
}

function refuse(): never {
  throw badXml("not canonical Base64")
}

/** The same by what every browser has. */
export const webBase64: {
  encode(bytes: Uint8Array): string
  /** @returns undefined if it is not Base64; not every spelling of it is canonical */
  decode(text: string): Uint8Array | undefined
} = {
  encode(bytes) {
    let text = ""
    for (let at = 0; at < bytes.length; at += PIECE) {
      text += btoa(String.fromCharCode.apply(null, bytes.subarray(at, at + PIECE) as unknown as number[]))
    }
    return text
  },
  decode(text) {
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
    const binary = atob(text)
    const bytes = new Uint8Array(binary.length)
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
    return bytes
  },
}
