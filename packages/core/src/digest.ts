const utf8 = new TextEncoder()

/**
 * Names several fields together, so that no two different lists of fields have the same name: SHA-256 over all of them,
 * each preceded by its length in bytes (32 bits, big endian).
 *
 * @param fields texts count as UTF-8
 * @returns lower-case hex, 64 digits
 */
export async function digestOf(...fields: readonly (string | Uint8Array)[]): Promise<string> {
  const parts = fields.map((field) => (typeof field === "string" ? utf8.encode(field) : field))
  const framed = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0))
  const view = new DataView(framed.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length)
    framed.set(part, at + 4)
    at += 4 + part.length
  }
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", framed))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
