import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto"

/** The server's side of SCRAM-SHA-1 (RFC 5802), for one login. */
export function scramServer(password: string, iterations: number) {
  const salt = randomBytes(16)
  let firstBare = ""
  let challenge = ""
  const hmac = (key: Buffer, text: string) => createHmac("sha1", key).update(text).digest()
  return {
    first(text: string): { user: string; challenge: string } {
      firstBare = text.replace(/^n,,/, "")
      const user = /n=([^,]*)/.exec(firstBare)?.[1] ?? ""
      const nonce = /r=([^,]*)/.exec(firstBare)?.[1] ?? ""
      challenge = `r=${nonce}${randomBytes(9).toString("base64url")},s=${salt.toString("base64")},i=${iterations}`
      return { user: user.replaceAll("=2C", ",").replaceAll("=3D", "="), challenge }
    },
    /** server-final-message; undefined if the client does not know the password. */
    final(text: string): string | undefined {
      const at = text.lastIndexOf(",p=")
      const message = `${firstBare},${challenge},${text.slice(0, at)}`
      const salted = pbkdf2Sync(password, salt, iterations, 20, "sha1")
      const clientKey = hmac(salted, "Client Key")
      const signature = hmac(createHash("sha1").update(clientKey).digest(), message)
      const expected = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)))
      const given = Buffer.from(text.slice(at + 3), "base64")
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
      return `v=${hmac(hmac(salted, "Server Key"), message).toString("base64")}`
    },
  }
}
