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
  const parts = fields.map((field) => (typeof field === "string" ? utf8.encode(field) : field))
  const framed = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0))
  const view = new DataView(framed.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length)
    framed.set(part, at + 4)
    at += 4 + part.length
  }
  return node?.hash?.("sha256", framed, "hex") ?? webSha256(framed)
}

/** The same by what every browser has. */
export async function webSha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
