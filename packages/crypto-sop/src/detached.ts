import { joined, tag, writePacket } from "@aurochs/crypto/packets"
import { packets } from "./packets.ts"

/** Literal data of the kind "binary", without name and date (RFC 9580 §5.9). */
const LITERAL_HEADER = Uint8Array.of(0x62, 0, 0, 0, 0, 0)

/**
 * A signed message from a text and a detached signature over it, which is the same signature (RFC 9580 §10.3): for
 * programs without `inline-sign`.
 *
 * @param keyId of the key that signed, 16 hex digits
 * @returns undefined if it is not one signature of version 4 over binary data
 */
export function inlineSigned(plaintext: Uint8Array, detached: Uint8Array, keyId: string): Uint8Array | undefined {
  const [signature, ...more] = packets(detached)
  if (signature?.tag !== tag.signature || more.length > 0) return undefined
  const [version, type, publicKeyAlgorithm, hash] = signature.body
  if (version !== 4 || type !== 0 || publicKeyAlgorithm === undefined || hash === undefined) return undefined
  // RFC 9580 §5.4: the last octet says that no other one-pass signature follows.
  const onePass = [Uint8Array.of(3, type, hash, publicKeyAlgorithm), Buffer.from(keyId, "hex"), Uint8Array.of(1)]
  return joined([
    writePacket(tag.onePassSignature, joined(onePass)),
    writePacket(tag.literal, joined([LITERAL_HEADER, plaintext])),
    signature.bytes,
  ])
}
