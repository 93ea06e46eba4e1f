// RFC 5802 (SCRAM), RFC 4616 (PLAIN), around the mechanisms of @xmpp/client.
import { pbkdf2, timingSafeEqual } from "node:crypto"
import { promisify } from "node:util"
import type { Credentials, Mechanism, MechanismEntry } from "@xmpp/client"
import { failure, loginRefused } from "./errors.ts"

const derive = promisify(pbkdf2)
/** RFC 5802 §5.1; fewer would make an overheard exchange cheap to attack. */
const MIN_ITERATIONS = 4_096
/** A server may not make us work for longer than this. */
const MAX_ITERATIONS = 1_000_000

/** What one login came to. */
export interface LoginProof {
  /** Takes what came with `<success/>`. @throws {AurochsError} `AUTHENTICATION`: the server has proved nothing */
  success(data: string | undefined): void
}

/**
 * Wraps a mechanism of the library: text goes over the wire in UTF-8 (the library takes one character for one byte), the
 * server's nonce, salt and iteration count are held against RFC 5802, and the server has to prove that it knows the
 * password (X1). Nobody else asks: the library takes any `<success/>`.
 *
 * @param onStart told when the mechanism is chosen
 */
export function guarded(
  { name, mech: Original }: MechanismEntry,
  onStart: (proof: LoginProof) => void,
): MechanismEntry {
  const isScram = name.startsWith("SCRAM-")
  const refuse = (why: string) => failure(loginRefused(`the login failed: ${why}`, name), { permanent: true })

  function make(): Mechanism {
    const inner = new Original()
    let proved = !isScram
    let challenge: ReturnType<typeof readChallenge> | undefined
    const prove = (serverFinal: string) => {
      const given = Buffer.from(attributesOf(serverFinal).v ?? "", "base64")
      const expected = inner._serverSignature
      if (expected === undefined || given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw refuse("the server could not prove that it knows the password")
      }
      proved = true
    }
    onStart({
      success(data) {
        if (!proved) prove(data === undefined ? "" : Buffer.from(data, "base64").toString("utf8"))
      },
    })
    return {
      async response(credentials) {
        const prepared: Credentials = { ...credentials, password: prepare(credentials.password) }
        return toBytes(await inner.response(challenge === undefined ? prepared : await salted(prepared, challenge)))
      },
      challenge(bytes) {
        const text = fromBytes(bytes)
        if (isScram && text.startsWith("v=")) prove(text)
        else if (isScram) challenge = readChallenge(text, inner._cnonce ?? "", refuse)
        inner.challenge(text)
      },
    }
  }
  // The library's factory calls `new` and looks for the name and `clientFirst` on what it gets.
  const mech = function mechanism() {
    return Object.assign(make(), { name, clientFirst: true })
  } as unknown as MechanismEntry["mech"]
  return { name, mech }
}

interface Challenge {
  readonly salt: Uint8Array
  readonly iterations: number
}

/** server-first-message (RFC 5802 §7). */
function readChallenge(text: string, ownNonce: string, refuse: (why: string) => Error): Challenge {
  const { m, r = "", s = "", i = "" } = attributesOf(text)
  if (m !== undefined) throw refuse("the server asks for an extension of SCRAM")
  if (ownNonce === "" || !r.startsWith(ownNonce) || r.length === ownNonce.length)
    throw refuse("the server's nonce is not fresh")
  const salt = new Uint8Array(Buffer.from(s, "base64"))
  if (salt.length === 0) throw refuse("the server sent no salt")
  const iterations = /^\d{1,8}$/.test(i) ? Number(i) : 0
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS)
    throw refuse(`the server asks for ${iterations} iterations`)
  return { salt, iterations }
}

/** The library would derive the key with one Web Crypto call for each iteration; a derived key it takes as it is. */
async function salted(credentials: Credentials, { salt, iterations }: Challenge): Promise<Credentials> {
  return { ...credentials, salt, saltedPassword: await derive(credentials.password, salt, iterations, 20, "sha1") }
}

/** SASLprep (RFC 4013) as far as it changes passwords that people have: other spaces become a space, then NFKC. */
function prepare(password: string): string {
  return password.replace(/\p{Zs}/gu, " ").normalize("NFKC")
}

function attributesOf(message: string): Record<string, string | undefined> {
  return Object.fromEntries(message.split(",").map((part) => [part.slice(0, 1), part.slice(2)]))
}

/** UTF-8 as one character for each byte, which `btoa` takes. */
function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}

function fromBytes(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8")
}
