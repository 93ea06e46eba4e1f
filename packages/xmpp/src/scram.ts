// RFC 5802 (SCRAM), RFC 7677 (SCRAM-SHA-256).
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto"
import { promisify } from "node:util"
import { AurochsError } from "@aurochs/core"

const derive = promisify(pbkdf2)
/** A server may not make us work for longer than this. */
const MAX_ITERATIONS = 1_000_000
/** RFC 7677 §4. */
const MIN_ITERATIONS = 4096

/** The client's side of one SCRAM exchange. */
export interface Scram {
  /** client-first-message */
  first(): string
  /** server-first-message in, client-final-message out. @throws {AurochsError} `AUTHENTICATION` */
  final(serverFirst: string): Promise<string>
  /**
   * The server must prove that it knows the password, too: without this anybody could be the server (X1).
   *
   * @param serverFinal what came with `<success/>`, or in the last challenge; then `<success/>` may come without
   * @throws {AurochsError} `AUTHENTICATION` if the signature is missing or wrong
   */
  verify(serverFinal: string | undefined): void
}

/** @param mechanism `SCRAM-SHA-256` or `SCRAM-SHA-1` */
export function scram(mechanism: string, username: string, password: string): Scram {
  const hash = mechanism === "SCRAM-SHA-256" ? "sha256" : "sha1"
  const length = hash === "sha256" ? 32 : 20
  const nonce = randomBytes(24).toString("base64")
  // SASLprep's successor for passwords, as XMPP servers store them: NFKC is what they agree on for ordinary ones.
  const secret = password.normalize("NFKC")
  const bare = `n=${username.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`
  let expected: Buffer | undefined
  let verified = false
  const refuse = (why: string) => new AurochsError("AUTHENTICATION", `authentication failed: ${why}`, { mechanism })
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  return {
    first: () => `n,,${bare}`,
    async final(serverFirst) {
      const { r, s, i } = attributes(serverFirst)
      const iterations = Number(i)
      if (!r?.startsWith(nonce) || r.length === nonce.length || !s) throw refuse("the server's challenge is malformed")
      if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
        throw refuse("the server asks for an iteration count out of bounds")
      }
      const salted = await derive(secret, Buffer.from(s, "base64"), iterations, length, hash)
      const clientKey = hmac(salted, "Client Key")
      const withoutProof = `c=biws,r=${r}`
      const message = `${bare},${serverFirst},${withoutProof}`
      const signature = hmac(createHash(hash).update(clientKey).digest(), message)
      expected = hmac(hmac(salted, "Server Key"), message)
      const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))
      return `${withoutProof},p=${Buffer.from(proof).toString("base64")}`
    },
    verify(serverFinal) {
      if (verified && serverFinal === undefined) return
      const { v } = attributes(serverFinal ?? "")
      const given = Buffer.from(v ?? "", "base64")
      if (expected === undefined || given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw refuse("the server could not prove that it knows the account")
      }
      verified = true
    },
  }
}

function attributes(message: string): Record<string, string> {
  return Object.fromEntries(message.split(",").map((part) => [part.slice(0, 1), part.slice(2)]))
}
