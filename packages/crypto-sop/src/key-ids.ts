import { createHash } from "node:crypto"
import { joined, type Packet, tag } from "@aurochs/crypto/packets"
import { packets } from "./packets.ts"

/** The primary key's fingerprint in hex; empty for what is no certificate. */
export function primaryOf(certificate: Uint8Array): string {
  const [primary] = publicKeys(certificate)
  return (primary && fingerprintOf(primary.body)?.toString("hex")) ?? ""
}

/** One key of a certificate: the primary key or a subkey. */
export interface PublicKeyId {
  /** 16 hex digits, lower case. */
  readonly keyId: string
  /** Public-key algorithm by its number (RFC 9580 §9.1). */
  readonly algorithm: number
}

/** The keys of a certificate, the primary key first; those of versions that nobody uses are left out. */
export function keysOf(certificate: Uint8Array): readonly PublicKeyId[] {
  return publicKeys(certificate).flatMap(({ body }) => {
    const keyId = keyIdOf(body)
    return keyId === undefined ? [] : [{ keyId, algorithm: body[5] ?? 0 }]
  })
}

/** The key ID that a session key packet names (RFC 9580 §5.1); undefined for a hidden recipient. */
export function sessionRecipient(body: Uint8Array): string | undefined {
  if (body[0] === 3) return named(body.subarray(1, 9))
  const length = body[1] ?? 0
  if (body[0] !== 6 || length === 0) return undefined
  return named(ofFingerprint(body[2], body.subarray(3, 2 + length)))
}

/**
 * A certificate or secret key with its primary key and only these subkeys: what a program does not see it cannot choose.
 *
 * @param bytes a transferable public or secret key
 * @param certificate the public form of the same key
 * @param keep key IDs
 */
export function narrowed(bytes: Uint8Array, certificate: Uint8Array, keep: ReadonlySet<string>): Uint8Array {
  const kept = publicKeys(certificate).filter((key) => keep.has(keyIdOf(key.body) ?? ""))
  const isKept = (subkey: Packet) => kept.some((key) => startsWith(subkey.body, key.body))
  let keeping = true
  const parts: Uint8Array[] = []
  for (const packet of packets(bytes)) {
    if (packet.tag === tag.publicSubkey || packet.tag === tag.secretSubkey) keeping = isKept(packet)
    if (keeping) parts.push(packet.bytes)
  }
  return joined(parts)
}

/** The key ID of the first one-pass signature (RFC 9580 §5.4). */
export function signerOf(signed: Uint8Array): string | undefined {
  const body = packets(signed).find((packet) => packet.tag === tag.onePassSignature)?.body
  if (body?.[0] === 3) return named(body.subarray(4, 12))
  if (body?.[0] !== 6) return undefined
  const at = 5 + (body[4] ?? 0)
  return named(body.subarray(at, at + 8))
}

function publicKeys(certificate: Uint8Array): readonly Packet[] {
  return packets(certificate).filter((one) => one.tag === tag.publicKey || one.tag === tag.publicSubkey)
}

function keyIdOf(body: Uint8Array): string | undefined {
  const fingerprint = fingerprintOf(body)
  return fingerprint && named(ofFingerprint(body[0], fingerprint))
}

/** RFC 9580 §5.5.4, of versions 4 and 6; undefined for others. */
function fingerprintOf(body: Uint8Array): Buffer | undefined {
  const length = body.length
  if (body[0] === 4) {
    const header = Uint8Array.of(0x99, length >> 8, length & 255)
    return createHash("sha1").update(header).update(body).digest()
  }
  if (body[0] !== 6) return undefined
  const header = Uint8Array.of(0x9b, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255)
  return createHash("sha256").update(header).update(body).digest()
}

function ofFingerprint(version: number | undefined, fingerprint: Uint8Array): Uint8Array {
  return version === 4 ? fingerprint.subarray(-8) : fingerprint.subarray(0, 8)
}

function named(keyId: Uint8Array): string | undefined {
  const hex = Buffer.from(keyId).toString("hex")
  return /^0*$/.test(hex) ? undefined : hex
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((octet, i) => octet === bytes[i])
}
