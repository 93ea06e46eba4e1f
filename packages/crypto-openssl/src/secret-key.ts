import { createPrivateKey, createPublicKey, hash, type KeyObject } from "node:crypto"
import { tag } from "@aurochs/crypto/packets"
import { padded, readMpi, readPackets } from "./packets.ts"
import { readPublicFields } from "./public-key.ts"

/** Far more than the subkeys, User IDs and signatures of one key. */
const MAX_PACKETS = 1_024

/** PKCS #8 (RFC 8410 §7) up to the 32 secret bytes. */
const PKCS8 = {
  signing: Buffer.from("302e020100300506032b657004220420", "hex"),
  encryption: Buffer.from("302e020100300506032b656e04220420", "hex"),
} as const

/**
 * Imports the secret keys of a transferable secret key without protection (RFC 9580 §5.5.3, S2K usage 0). Those of other
 * kinds, and those whose secret part is missing, are left out.
 *
 * @returns by fingerprint, upper-case hex
 */
export function importSecretKeys(transferable: Buffer): ReadonlyMap<string, KeyObject> {
  const keys = new Map<string, KeyObject>()
  for (const packet of readPackets(transferable, MAX_PACKETS) ?? []) {
    if (packet.tag !== tag.secretKey && packet.tag !== tag.secretSubkey) continue
    const key = importOne(packet.body)
    if (key !== undefined) keys.set(key.fingerprint, key.privateKey)
  }
  return keys
}

function importOne(body: Buffer): { readonly fingerprint: string; readonly privateKey: KeyObject } | undefined {
  const fields = readPublicFields(body)
  if (fields === undefined || body[fields.end] !== 0) return undefined
  const at = fields.end + 1
  const secret = readMpi(body, at)
  if (secret === undefined || secret.end + 2 !== body.length || !isSummed(body, at, secret.end)) return undefined
  const bytes = padded(secret.value, 32)
  if (bytes === undefined) return undefined
  // Curve25519 has its scalar the other way round (RFC 9580 §5.5.5.6.1.1).
  if (fields.kind === "encryption") bytes.reverse()
  const der = Buffer.concat([PKCS8[fields.kind], bytes])
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  bytes.fill(0)
  der.fill(0)
  const { x } = createPublicKey(privateKey).export({ format: "jwk" })
  // The scalar in OpenPGP may differ from the point in the packet; then it is not ours to compute with.
  if (x !== fields.point.toString("base64url")) return undefined
  return { fingerprint: fingerprintOf(body.subarray(0, fields.end)), privateKey }
}

/** RFC 9580 §5.5.3: the sum of the secret bytes. */
function isSummed(body: Buffer, from: number, end: number): boolean {
  let sum = 0
  for (let i = from; i < end; i++) sum += body[i] ?? 0
  return (sum & 0xffff) === body.readUInt16BE(end)
}

/** RFC 9580 §5.5.4.2 */
function fingerprintOf(publicPart: Buffer): string {
  const header = Buffer.from([0x99, publicPart.length >> 8, publicPart.length & 0xff])
  return hash("sha1", Buffer.concat([header, publicPart]), "hex").toUpperCase()
}
