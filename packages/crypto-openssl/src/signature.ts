import { hash, type KeyObject, sign, verify } from "node:crypto"
import { tag, writeHeader } from "@aurochs/crypto/packets"
import { padded, readMpi, writeMpi } from "./packets.ts"
import { algorithm } from "./public-key.ts"

/** Hashes (RFC 9580 §9.5) of signatures that are judged here. */
const HASHES = new Map<number, Hash>([
  [8, "sha256"],
  [9, "sha384"],
  [10, "sha512"],
])

type Hash = "sha256" | "sha384" | "sha512"

const SHA_512 = 10
const BINARY = 0

/** Subpackets (RFC 9580 §5.2.3.7). */
const sub = { created: 2, issuer: 16, notation: 20, signersUserId: 28, issuerFingerprint: 33 } as const
const CRITICAL = 0x80

/** What signs: a secret key with its names. */
export interface Signer {
  readonly privateKey: KeyObject
  readonly keyId: Buffer
  /** 20 bytes. */
  readonly fingerprint: Buffer
}

/** Version, kind, hash, algorithm, key ID, "the last one". */
export const ONE_PASS_BYTES: number = 2 + 13

/**
 * Writes the packet that announces a signature (RFC 9580 §5.4).
 *
 * @returns where it ends
 */
export function writeOnePass(into: Buffer, at: number, { keyId }: Signer): number {
  const start = writeHeader(into, at, tag.onePassSignature, 13)
  into.set([3, BINARY, SHA_512, algorithm.eddsaLegacy], start)
  keyId.copy(into, start + 4)
  into[start + 12] = 1
  return start + 13
}

/**
 * Signs data as it is (RFC 9580 §5.2.1.1) with Ed25519 and SHA-512.
 *
 * @param signedAt seconds since 1970
 * @returns the body of a version 4 signature packet
 */
export function signData(data: Buffer, signer: Signer, signedAt: number): Buffer {
  const body = Buffer.allocUnsafe(MAX_SIGNATURE_BYTES)
  body.set([4, BINARY, algorithm.eddsaLegacy, SHA_512, 0, HASHED_BYTES - 6, 5, CRITICAL | sub.created])
  body.writeUInt32BE(signedAt, 8)
  body.set([22, sub.issuerFingerprint, 4], 12)
  signer.fingerprint.copy(body, 15)
  const digest = digestOf("sha512", data, body.subarray(0, HASHED_BYTES))
  const signature = sign(null, digest, signer.privateKey)
  body.set([0, 10, 9, sub.issuer], HASHED_BYTES)
  signer.keyId.copy(body, HASHED_BYTES + 4)
  digest.copy(body, HASHED_BYTES + 12, 0, 2)
  const second = writeMpi(body, HASHED_BYTES + 14, signature.subarray(0, 32))
  return body.subarray(0, writeMpi(body, second, signature.subarray(32)))
}

const HASHED_BYTES = 35
const MAX_SIGNATURE_BYTES = HASHED_BYTES + 12 + 2 + 2 * 34

/** RFC 9580 §5.2.4 for version 4: data, the hashed part, its length. */
function digestOf(name: Hash, data: Buffer, hashed: Buffer): Buffer {
  const input = Buffer.allocUnsafe(data.length + hashed.length + 6)
  data.copy(input, 0)
  hashed.copy(input, data.length)
  const trailer = data.length + hashed.length
  input[trailer] = 4
  input[trailer + 1] = 0xff
  input.writeUInt32BE(hashed.length, trailer + 2)
  return hash(name, input, "buffer")
}

/** A signature of the one kind that is judged here. Nothing of it is verified yet. */
export interface Signature {
  /** Milliseconds since 1970, from the hashed part. */
  readonly signedAt: number
  readonly keyId: Buffer
  /** Of the key that made it, if it says so. */
  readonly fingerprint: Buffer | undefined
  readonly hashId: number
  readonly hashName: Hash
  /** The part of the packet that is signed with the data. */
  readonly hashed: Buffer
  /** The first two bytes of the digest, as the packet has them. */
  readonly left: Buffer
  /** 64 bytes. */
  readonly value: Buffer
}

/**
 * Reads a version 4 signature over data by Ed25519, without an end and without anything that would have to be understood
 * first; undefined for any other.
 */
export function readSignature(body: Buffer): Signature | undefined {
  const hashId = body[3] ?? 0
  const hashName = HASHES.get(hashId)
  if (body[0] !== 4 || body[1] !== BINARY || body[2] !== algorithm.eddsaLegacy || hashName === undefined) {
    return undefined
  }
  const hashedEnd = areaEnd(body, 4)
  const end = hashedEnd && areaEnd(body, hashedEnd)
  if (hashedEnd === undefined || end === undefined || end + 2 > body.length) return undefined
  const inside = readHashed(body.subarray(6, hashedEnd))
  const outside = readUnhashed(body.subarray(hashedEnd + 2, end))
  const value = readValue(body, end + 2)
  if (inside === undefined || outside === undefined || value === undefined) return undefined
  const names = [...inside.names, ...outside]
  const keyId = names[0]?.subarray(-8)
  if (keyId === undefined || !names.every((name) => name.subarray(-8).equals(keyId))) return undefined
  const fingerprints = names.filter((name) => name.length === 20)
  if (!fingerprints.every((one) => one.equals(fingerprints[0] ?? one))) return undefined
  const [fingerprint] = fingerprints
  const { signedAt } = inside
  const [hashed, left] = [body.subarray(0, hashedEnd), body.subarray(end, end + 2)]
  return { signedAt, keyId, fingerprint, hashId, hashName, hashed, left, value }
}

/** Where an area of subpackets ends whose two bytes of length are at `at`. */
function areaEnd(body: Buffer, at: number): number | undefined {
  if (at + 2 > body.length) return undefined
  const end = at + 2 + body.readUInt16BE(at)
  return end > body.length ? undefined : end
}

function readHashed(area: Buffer): { readonly signedAt: number; readonly names: readonly Buffer[] } | undefined {
  const subpackets = readSubpackets(area)
  if (subpackets === undefined) return undefined
  const names: Buffer[] = []
  let signedAt: number | undefined
  for (const { type, critical, body } of subpackets) {
    if (type === sub.created) {
      // One time, and no other one.
      if (signedAt !== undefined || body.length !== 4) return undefined
      signedAt = body.readUInt32BE(0) * 1000
    } else if (type === sub.notation || type === sub.signersUserId) {
      if (critical) return undefined
    } else {
      const name = nameIn(type, body)
      if (name === undefined) return undefined
      names.push(name)
    }
  }
  return signedAt === undefined ? undefined : { signedAt, names }
}

/** What is not signed may only name the key, and then only the one that the signature turns out to be of. */
function readUnhashed(area: Buffer): readonly Buffer[] | undefined {
  const names = readSubpackets(area)?.map(({ type, body }) => nameIn(type, body))
  return names?.every((name) => name !== undefined) ? names : undefined
}

/** Key ID or version 4 fingerprint. */
function nameIn(type: number, body: Buffer): Buffer | undefined {
  if (type === sub.issuer && body.length === 8) return body
  return type === sub.issuerFingerprint && body.length === 21 && body[0] === 4 ? body.subarray(1) : undefined
}

interface Subpacket {
  readonly type: number
  readonly critical: boolean
  readonly body: Buffer
}

const MAX_SUBPACKETS = 16

function readSubpackets(area: Buffer): readonly Subpacket[] | undefined {
  const found: Subpacket[] = []
  for (let at = 0; at < area.length; ) {
    const first = area[at] ?? 0
    // A length of five bytes belongs to nothing that is read here.
    if (first === 255 || found.length === MAX_SUBPACKETS) return undefined
    const octets = first < 192 ? 1 : 2
    const length = octets === 1 ? first : ((first - 192) << 8) + (area[at + 1] ?? 0) + 192
    const end = at + octets + length
    const type = area[at + octets]
    if (length === 0 || end > area.length || type === undefined) return undefined
    found.push({ type: type & 0x7f, critical: type >= CRITICAL, body: area.subarray(at + octets + 1, end) })
    at = end
  }
  return found
}

/** R and S as MPIs, up to the end of the packet. */
function readValue(body: Buffer, at: number): Buffer | undefined {
  const r = readMpi(body, at)
  const s = r && readMpi(body, r.end)
  if (r === undefined || s === undefined || s.end !== body.length) return undefined
  const [first, second] = [padded(r.value, 32), padded(s.value, 32)]
  return first && second && Buffer.concat([first, second])
}

/** Does the one-pass packet announce this signature, as the only or last one? */
export function announces(onePass: Buffer, signature: Signature): boolean {
  const [version, kind, hashId, by] = onePass
  const same = version === 3 && kind === BINARY && hashId === signature.hashId && by === algorithm.eddsaLegacy
  return same && onePass.length === 13 && onePass.subarray(4, 12).equals(signature.keyId) && onePass[12] === 1
}

/** Is the arithmetic right: did this key sign this data? */
export function signatureHolds(signature: Signature, data: Buffer, publicKey: KeyObject): boolean {
  const digest = digestOf(signature.hashName, data, signature.hashed)
  if (digest[0] !== signature.left[0] || digest[1] !== signature.left[1]) return false
  return verify(null, digest, publicKey, signature.value)
}
