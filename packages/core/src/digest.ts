const utf8 = new TextEncoder()

/** Node's own hash, which answers at once: Web Crypto takes twenty times as long for a short text. */
interface NodeCrypto {
  hash?(algorithm: "sha256", data: Uint8Array, as: "hex"): string
}
interface NodeProcess {
  getBuiltinModule?(name: "node:crypto"): NodeCrypto | undefined
}
const node = (globalThis as { readonly process?: NodeProcess }).process?.getBuiltinModule?.("node:crypto")

/**
 * Names several fields together, so that no two different lists of fields have the same name: SHA-256 over all of them,
 * each preceded by its length in bytes (32 bits, big endian).
 *
 * @param fields texts count as UTF-8
 * @returns lower-case hex, 64 digits
 */
export async function digestOf(...fields: readonly (string | Uint8Array)[]): Promise<string> {
  let most = 0
  // A UTF-16 unit takes at most three bytes.
  for (const field of fields) most += 4 + (typeof field === "string" ? 3 * field.length : field.length)
  if (node?.hash === undefined) return webSha256(framedIn(new Uint8Array(most), fields))
  if (most > desk.length) return node.hash("sha256", framedIn(new Uint8Array(most), fields), "hex")
  const framed = framedIn(desk, fields)
  const digest = node.hash("sha256", framed, "hex")
  framed.fill(0)
  return digest
}

/** Where short lists of fields are put together; used within one turn, and wiped. */
const desk = new Uint8Array(4_096)

function framedIn(into: Uint8Array<ArrayBuffer>, fields: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  let end = 0
  for (const field of fields) end = frame(into, end, field)
  return into.subarray(0, end)
}

/** @returns where the field ends */
function frame(into: Uint8Array, at: number, field: string | Uint8Array): number {
  const start = at + 4
  const length = typeof field === "string" ? writeText(into, start, field) : field.length
  if (typeof field !== "string") into.set(field, start)
  into[at] = length >>> 24
  into[at + 1] = length >>> 16
  into[at + 2] = length >>> 8
  into[at + 3] = length
  return start + length
}

/** Most texts here are short and ASCII, for which calling the encoder costs more than the text. */
function writeText(into: Uint8Array, start: number, text: string): number {
  if (text.length <= 64) {
    let at = 0
    for (; at < text.length && text.charCodeAt(at) < 0x80; at++) into[start + at] = text.charCodeAt(at)
    if (at === text.length) return at
  }
  return utf8.encodeInto(text, into.subarray(start)).written
}

/** The same by what every browser has. */
export async function webSha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
