import { type Packet, readPackets } from "@aurochs/crypto/packets"

/**
 * The packets of what was bounded before: of a message by the certificate reader, of a program's answer by its size.
 *
 * @returns none if it is no packet sequence, armored text for one
 */
export function packets(bytes: Uint8Array): readonly Packet[] {
  const read = readPackets(bytes, { maxPackets: Number.POSITIVE_INFINITY })
  return typeof read === "string" ? [] : read
}
