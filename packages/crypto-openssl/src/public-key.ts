import { createPublicKey, type KeyObject } from "node:crypto"
import type { Fingerprint } from "@aurochs/core"
import type { KeyFact } from "@aurochs/crypto"
import { view } from "./packets.ts"

/** Public-key algorithms (RFC 9580 §9.1). */
export const algorithm = { ecdh: 18, eddsaLegacy: 22 } as const

/** Object identifiers with their lengths (RFC 9580 §9.2). */
const CURVE25519 = Buffer.from("0a2b060104019755010501", "hex")
const ED25519 = Buffer.from("092b06010401da470f01", "hex")

/** How ECDH of one key hashes and wraps (RFC 9580 §11.5). */
export interface KeyWrapping {
  readonly hash: "sha256" | "sha384" | "sha512"
  readonly cipher: "id-aes128-wrap" | "id-aes192-wrap" | "id-aes256-wrap"
  readonly keyBytes: 16 | 24 | 32
  /** What is hashed behind the shared secret: curve, parameters, fingerprint. */
  readonly parameters: Buffer
}

/** A v4 Curve25519 (legacy) key to encrypt to. */
export interface EncryptionKey {
  readonly kind: "encryption"
  readonly certificate: Fingerprint
  readonly keyId: Buffer
  readonly point: Buffer
  readonly publicKey: KeyObject
  readonly wrapping: KeyWrapping
}

/** A v4 Ed25519 (legacy) key that signs. */
export interface SigningKey {
  readonly kind: "signing"
  readonly certificate: Fingerprint
  readonly fingerprint: Buffer
  readonly keyId: Buffer
  readonly point: Buffer
  readonly publicKey: KeyObject
}

const HASHES = new Map([
  [8, "sha256"],
  [9, "sha384"],
  [10, "sha512"],
] as const)

const WRAPS = new Map([
  [7, ["id-aes128-wrap", 16]],
  [8, ["id-aes192-wrap", 24]],
  [9, ["id-aes256-wrap", 32]],
] as const)

type HashId = Parameters<typeof HASHES.get>[0]
type WrapId = Parameters<typeof WRAPS.get>[0]

const ANONYMOUS = Buffer.from("Anonymous Sender    ")

/** Where the fields of a public key packet body lie that the narrow path knows; undefined: another kind of key. */
export interface PublicFields {
  readonly kind: "encryption" | "signing"
  readonly point: Buffer
  /** Of an encryption key: hash and cipher. */
  readonly kdf: readonly [number, number] | undefined
  /** Where the public part ends and, in a secret key, the secret part begins. */
  readonly end: number
}

/** Reads the public part of a v4 key packet body (RFC 9580 §5.5.2, §5.5.5.5, §5.5.5.6). */
export function readPublicFields(body: Buffer): PublicFields | undefined {
  if (body[0] !== 4) return undefined
  const curve = body[5] === algorithm.ecdh ? CURVE25519 : body[5] === algorithm.eddsaLegacy ? ED25519 : undefined
  if (curve === undefined || !body.subarray(6, 6 + curve.length).equals(curve)) return undefined
  // An MPI of 263 bits: 0x40 for "native point", then 32 bytes.
  const at = 6 + curve.length
  const end = at + 35
  if (end > body.length || body.readUInt16BE(at) !== 263 || body[at + 2] !== 0x40) return undefined
  const point = body.subarray(at + 3, end)
  if (curve === ED25519) return { kind: "signing", point, kdf: undefined, end }
  // Three bytes of parameters follow: a reserved 1, the hash, the cipher.
  const [length, reserved, hash, cipher] = body.subarray(end, end + 4)
  if (length !== 3 || reserved !== 1 || hash === undefined || cipher === undefined) return undefined
  return { kind: "encryption", point, kdf: [hash, cipher], end: end + 4 }
}

/** The key that a fact describes; undefined if it is not of the kinds that this engine computes with. */
export function importPublicKey(fact: KeyFact): EncryptionKey | SigningKey | undefined {
  const body = view(fact.publicKey)
  const fields = readPublicFields(body)
  const fingerprint = Buffer.from(fact.fingerprint, "hex")
  if (fields === undefined || fields.end !== body.length || fingerprint.length !== 20) return undefined
  const { kind, point, kdf } = fields
  const crv = kind === "signing" ? "Ed25519" : "X25519"
  const common = {
    certificate: fact.certificate,
    keyId: fingerprint.subarray(12),
    point: Buffer.from(point),
    publicKey: createPublicKey({ key: { kty: "OKP", crv, x: point.toString("base64url") }, format: "jwk" }),
  }
  if (kdf === undefined) return { kind: "signing", ...common, fingerprint }
  const wrapping = wrappingOf(kdf[0], kdf[1], fingerprint)
  return wrapping && { kind: "encryption", ...common, wrapping }
}

function wrappingOf(hashId: number, cipherId: number, fingerprint: Buffer): KeyWrapping | undefined {
  const hash = HASHES.get(hashId as HashId)
  const wrap = WRAPS.get(cipherId as WrapId)
  if (hash === undefined || wrap === undefined) return undefined
  const [cipher, keyBytes] = wrap
  const fixed = Buffer.from([algorithm.ecdh, 3, 1, hashId, cipherId])
  return { hash, cipher, keyBytes, parameters: Buffer.concat([CURVE25519, fixed, ANONYMOUS, fingerprint]) }
}
