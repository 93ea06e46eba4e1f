// The limit: what one message costs if it were nothing but its arithmetic. One fixed list of node:crypto operations,
// each made in the cheapest way that Node has (measured on Node 24, OpenSSL 3.5), and nothing else: no packets, no
// checks, no copies. `predicted` says what `openssl speed` makes of the same list, so that the yardstick cannot be
// slackened unseen.
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  type KeyObject,
  randomFillSync,
  sign,
  verify,
} from "node:crypto"

/** Bytes of the text that is signed and sealed. */
export const TEXT_BYTES = 400
/** What the signature is made over besides the text: its hashed part and trailer. */
const SIGNED_BYTES = TEXT_BYTES + 41
/** Random prefix, one-pass signature, text, signature and integrity code with their headers. */
const SEALED_BYTES = TEXT_BYTES + 18 + 15 + 9 + 119 + 22
/** Counter, shared secret and parameters of RFC 9580 §11.5. */
const KDF_BYTES = 92
/** A padded AES-256 session key, before and after wrapping. */
const SESSION_KEY_BYTES = 40

/** One kind of operation of one message. */
export interface Operation {
  readonly name: string
  readonly count: number
  /** How it is made here. */
  readonly call: string
  /** Its measure in `openssl speed`: see {@link predicted}; undefined where that program has none. */
  readonly speed: SpeedMeasure | undefined
}

/** What `openssl speed` measures: an operation, or bytes of an algorithm. */
export type SpeedMeasure =
  | { readonly operation: "ed25519 sign" | "ed25519 verify" | "x25519" }
  | { readonly bytesOf: "aes-256-cfb" | "aes-256-wrap" | "sha1" | "sha256" | "sha512"; readonly bytes: number }

const BYTES_OF = {
  cfb: { bytesOf: "aes-256-cfb", bytes: SEALED_BYTES },
  wrap: { bytesOf: "aes-256-wrap", bytes: SESSION_KEY_BYTES },
  integrity: { bytesOf: "sha1", bytes: SEALED_BYTES },
  kdf: { bytesOf: "sha256", bytes: KDF_BYTES },
  signed: { bytesOf: "sha512", bytes: SIGNED_BYTES },
} as const

/** The fixed lists. */
export const operations: {
  /** @param recipients besides oneself: one session key packet more is made */
  seal(recipients: number): readonly Operation[]
  readonly open: readonly Operation[]
} = {
  seal: (recipients) => [
    { name: "random bytes", count: 1, call: "randomFillSync, 48 bytes", speed: undefined },
    { name: "SHA-512 of the text", count: 1, call: "hash", speed: BYTES_OF.signed },
    { name: "Ed25519 signature", count: 1, call: "sign", speed: { operation: "ed25519 sign" } },
    { name: "SHA-1 for integrity", count: 1, call: "hash", speed: BYTES_OF.integrity },
    { name: "AES-256-CFB", count: 1, call: "createCipheriv with a KeyObject, update", speed: BYTES_OF.cfb },
    {
      name: "ephemeral X25519 key",
      count: recipients + 1,
      call: "generateKeyPairSync, public key as JWK",
      // One multiplication of the Ed25519 base point, as in a signature: OpenSSL makes both by the same table.
      speed: { operation: "ed25519 sign" },
    },
    { name: "X25519", count: recipients + 1, call: "diffieHellman", speed: { operation: "x25519" } },
    { name: "SHA-256 of the shared secret", count: recipients + 1, call: "hash", speed: BYTES_OF.kdf },
    {
      name: "AES-256 key wrap",
      count: recipients + 1,
      call: "createCipheriv with a KeyObject, update",
      speed: BYTES_OF.wrap,
    },
  ],
  open: [
    { name: "ephemeral X25519 public key", count: 1, call: "createPublicKey from PEM", speed: undefined },
    { name: "X25519", count: 1, call: "diffieHellman", speed: { operation: "x25519" } },
    { name: "SHA-256 of the shared secret", count: 1, call: "hash", speed: BYTES_OF.kdf },
    { name: "AES-256 key unwrap", count: 1, call: "createDecipheriv with a KeyObject, update", speed: BYTES_OF.wrap },
    { name: "AES-256-CFB", count: 1, call: "createDecipheriv with a KeyObject, update", speed: BYTES_OF.cfb },
    { name: "SHA-1 for integrity", count: 1, call: "hash", speed: BYTES_OF.integrity },
    { name: "SHA-512 of the text", count: 1, call: "hash", speed: BYTES_OF.signed },
    { name: "Ed25519 verification", count: 1, call: "verify", speed: { operation: "ed25519 verify" } },
  ],
}

const CFB_IV = Buffer.alloc(16)
const WRAP_IV = Buffer.alloc(8, 0xa6)

/**
 * The operations of sealing one message.
 *
 * @param recipients besides oneself
 * @returns runs them once
 */
export function limitSeal(recipients: number): () => void {
  const { privateKey } = generateKeyPairSync("ed25519")
  const peers = Array.from({ length: recipients + 1 }, x25519PublicKey)
  const signed = Buffer.alloc(SIGNED_BYTES, 1)
  const sealed = Buffer.alloc(SEALED_BYTES, 2)
  const kdf = Buffer.alloc(KDF_BYTES, 3)
  const random = Buffer.alloc(48)
  const sessionKey = Buffer.alloc(SESSION_KEY_BYTES, 5)
  return () => {
    randomFillSync(random)
    sign(null, hash("sha512", signed, "buffer"), privateKey)
    hash("sha1", sealed, "buffer")
    createCipheriv("aes-256-cfb", createSecretKey(random.subarray(0, 32)), CFB_IV).update(sealed)
    for (const publicKey of peers) {
      const ephemeral = generateKeyPairSync("x25519", JWK)
      kdf.set(diffieHellman({ privateKey: ephemeral.privateKey, publicKey }), 4)
      const kek = createSecretKey(hash("sha256", kdf, "buffer"))
      createCipheriv("id-aes256-wrap", kek, WRAP_IV).update(sessionKey)
    }
  }
}

/**
 * The operations of opening one message; how many others it was sealed to does not matter.
 *
 * @returns runs them once
 */
export function limitOpen(): () => void {
  const signer = generateKeyPairSync("ed25519")
  const own = generateKeyPairSync("x25519")
  const pem = String(x25519PublicKey().export({ format: "pem", type: "spki" }))
  const signed = Buffer.alloc(SIGNED_BYTES, 1)
  const signature = sign(null, hash("sha512", signed, "buffer"), signer.privateKey)
  const sealed = Buffer.alloc(SEALED_BYTES, 2)
  const kdf = Buffer.alloc(KDF_BYTES, 3)
  // A shared secret differs with each message, so the key that is unwrapped with is made each time and then not used:
  // what is unwrapped here must have been wrapped with a known key.
  const wrapping = createSecretKey(Buffer.alloc(32, 7))
  const wrapped = createCipheriv("id-aes256-wrap", wrapping, WRAP_IV).update(Buffer.alloc(SESSION_KEY_BYTES, 5))
  return () => {
    const publicKey = createPublicKey(pem)
    kdf.set(diffieHellman({ privateKey: own.privateKey, publicKey }), 4)
    createSecretKey(hash("sha256", kdf, "buffer"))
    const sessionKey = createDecipheriv("id-aes256-wrap", wrapping, WRAP_IV).update(wrapped)
    createDecipheriv("aes-256-cfb", createSecretKey(sessionKey.subarray(0, 32)), CFB_IV).update(sealed)
    hash("sha1", sealed, "buffer")
    if (!verify(null, hash("sha512", signed, "buffer"), signer.publicKey, signature)) throw new Error("not verified")
  }
}

/** The public key as text: made together with the pair, never exported from it afterwards. */
const JWK = { publicKeyEncoding: { format: "jwk" } } as unknown as {
  publicKeyEncoding: { format: "der"; type: "spki" }
}

function x25519PublicKey(): KeyObject {
  return generateKeyPairSync("x25519").publicKey
}

/** Arguments of `openssl`, run by run, whose output together {@link predicted} reads. */
export const speedRuns: readonly (readonly string[])[] = [
  ["speed", "-mr", "-seconds", "1", "ed25519", "ecdhx25519"],
  ["speed", "-mr", "-seconds", "1", "-bytes", String(SEALED_BYTES), "-evp", "aes-256-cfb"],
  ["speed", "-mr", "-seconds", "1", "-bytes", String(SESSION_KEY_BYTES), "-evp", "id-aes256-wrap"],
  ["speed", "-mr", "-seconds", "1", "-bytes", String(SEALED_BYTES), "sha1", "sha256", "sha512"],
]

/**
 * What `openssl speed` says the operations cost. It calls the arithmetic in a loop: what Node adds for each call, and
 * random bytes and the reading of keys, are not in it, so it is always below the limit.
 *
 * @param list of {@link operations}
 * @param output of {@link speedRuns}, one after another
 * @returns microseconds for one message
 * @throws Error if a measure is not in the output
 */
export function predicted(list: readonly Operation[], output: string): number {
  return list.reduce(
    (sum, { speed, count }) => sum + (speed === undefined ? 0 : count * microseconds(speed, output)),
    0,
  )
}

function microseconds(speed: SpeedMeasure, output: string): number {
  if ("bytesOf" in speed) {
    // +F:25:AES-256-CFB:673358857.14 — bytes in a second
    return (speed.bytes / figure(output, new RegExp(`^\\+F:\\d+:${speed.bytesOf}:([\\d.]+)`, "im"))) * 1e6
  }
  // +F5:22:253:28451.06:0.000035 — +F6:0:253:Ed25519:26895.55:9102.04, signatures and verifications in a second
  const pattern = {
    x25519: /^\+F5:\d+:253:([\d.]+)/m,
    "ed25519 sign": /^\+F6:\d+:253:Ed25519:([\d.]+)/m,
    "ed25519 verify": /^\+F6:\d+:253:Ed25519:[\d.]+:([\d.]+)/m,
  }[speed.operation]
  return 1e6 / figure(output, pattern)
}

function figure(output: string, pattern: RegExp): number {
  const found = Number(pattern.exec(output)?.[1])
  if (!(found > 0)) throw new Error(`openssl speed said nothing of ${pattern.source}`)
  return found
}
