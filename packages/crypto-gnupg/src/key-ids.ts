import { createHash } from "node:crypto"
import { readPackets, tag } from "@aurochs/crypto/packets"

/** Key IDs of the version 4 keys of a certificate, primary key first, in upper case (RFC 9580 §5.5.4.2). */
export function keyIdsOf(certificate: Uint8Array): readonly string[] {
  const packets = readPackets(certificate, { maxPackets: Number.POSITIVE_INFINITY })
  if (typeof packets === "string") return []
  return packets
    .filter((one) => (one.tag === tag.publicKey || one.tag === tag.publicSubkey) && one.body[0] === 4)
    .map(({ body }) => {
      const prefix = Uint8Array.of(0x99, body.length >> 8, body.length & 255)
      return createHash("sha1").update(prefix).update(body).digest("hex").slice(-16).toUpperCase()
    })
}
