import { joined, readPackets, tag } from "@aurochs/crypto/packets"

/** A file has 4 MiB at most, and a packet two bytes at least. */
const MAX_PACKETS = 2_097_152

/**
 * The secret keys of a key ring (RFC 9580 §10.2) in which certificates stand between them, as backups of OpenKeychain and
 * `gpg --export; gpg --export-secret-keys` have them: each certificate is left out, with all that belongs to it.
 *
 * @returns the same bytes if there is no secret key in it, or if it is no sequence of packets: whoever reads it says so
 */
export function secretBlocks(bytes: Uint8Array): Uint8Array {
  const packets = readPackets(bytes, { maxPackets: MAX_PACKETS })
  if (typeof packets === "string" || !packets.some((packet) => packet.tag === tag.secretKey)) return bytes
  let isSecret = true
  const kept: Uint8Array[] = []
  for (const packet of packets) {
    if (packet.tag === tag.secretKey) isSecret = true
    if (packet.tag === tag.publicKey) isSecret = false
    if (isSecret) kept.push(packet.bytes)
  }
  return kept.length === packets.length ? bytes : joined(kept)
}
