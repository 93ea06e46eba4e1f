import type { BareJid, Fingerprint } from "@aurochs/core"

const utf8 = new TextEncoder()

/**
 * Names one signed text that one account received, wherever it is carried (attack A2): SHA-256 over account, signer,
 * time of signing and plaintext, each preceded by its length in bytes (32 bits, big endian), as lower-case hex.
 *
 * @param signedAt of the signature, not of `<time/>`
 * @param plaintext exactly as signed
 */
export async function replayKeyOf(
  account: BareJid,
  signer: Fingerprint,
  signedAt: Date,
  plaintext: Uint8Array,
): Promise<string> {
  const fields = [utf8.encode(account), utf8.encode(signer), utf8.encode(String(signedAt.getTime())), plaintext]
  const framed = new Uint8Array(fields.reduce((sum, field) => sum + 4 + field.length, 0))
  const view = new DataView(framed.buffer)
  let at = 0
  for (const field of fields) {
    view.setUint32(at, field.length)
    framed.set(field, at + 4)
    at += 4 + field.length
  }
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", framed))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
