import { joined, type Packet, readPackets, tag } from "@aurochs/crypto/packets"
import { keyIdsOf } from "./key-ids.ts"

/** Signature types (RFC 9580 §5.2.1). */
const REVOKES_KEY = 0x20
const REVOKES_SUBKEY = 0x28
const REVOKES_USER_ID = 0x30

/**
 * A certificate with nothing on it but what was decided on: gpg would judge for itself otherwise, and does not know of a
 * moment before a revocation. Only for certificates that were found good for the moment in question.
 *
 * @param chosen key ID of the key to be used; undefined: gpg chooses among those that are not revoked
 */
export function narrowed(certificate: Uint8Array, chosen: string | undefined): Uint8Array {
  const packets = readPackets(certificate, { maxPackets: Number.POSITIVE_INFINITY })
  if (typeof packets === "string") return certificate
  const kept: Packet[] = []
  let dropping = false
  for (const one of packets) {
    if (one.tag === tag.publicSubkey) dropping = chosen !== undefined && keyIdsOf(one.bytes)[0] !== chosen
    if (!dropping && !revokes(one, chosen !== undefined)) kept.push(one)
  }
  return joined(kept.map((one) => one.bytes))
}

function revokes({ tag: type, body }: Packet, subkeyToo: boolean): boolean {
  if (type !== tag.signature || body[0] !== 4) return false
  return body[1] === REVOKES_KEY || body[1] === REVOKES_USER_ID || (subkeyToo && body[1] === REVOKES_SUBKEY)
}
