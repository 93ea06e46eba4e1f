import type { Limits } from "@aurochs/crypto"
import * as pgp from "openpgp"
import { allPackets } from "./engine.ts"
import { badData } from "./errors.ts"

/** The one text of a message, and the signature packets around it. */
export interface Content {
  readonly literal: pgp.LiteralDataPacket
  readonly plaintext: Uint8Array
  readonly signatures: readonly pgp.AnyPacket[]
}

/** What stands inside a message after decryption, in order. */
type Packets = readonly pgp.AnyPacket[]

/** The library's literal packet lets its bytes out only in its own sources. */
interface WithBytes {
  getBytes(): unknown
}

/**
 * The grammar of a signed message (RFC 9580 §10.3), narrower than the RFC: signatures and one-pass signatures, one
 * text, as many signatures as there were one-pass signatures; all of it, or none of it, inside one compressed packet.
 *
 * Text and signatures come from the same packets that the signatures are verified over, so what is returned is what
 * was signed (attack A25).
 *
 * @throws {AurochsError} `BAD_DATA`
 */
export async function contentOf(list: pgp.PacketList<pgp.AnyPacket>, limits: Limits): Promise<Content> {
  const packets = await unwrapped(list)
  const at = packets.findIndex((p) => p instanceof pgp.LiteralDataPacket)
  const literal = packets[at]
  if (!(literal instanceof pgp.LiteralDataPacket)) throw badData("message", "it holds no text")
  const leading = packets.slice(0, at)
  const trailing = packets.slice(at + 1)
  const onePass = leading.filter((p) => isA(p, pgp.enums.packet.onePassSignature))
  const prefixed = leading.filter(isSignature)
  const closed = trailing.every(isSignature) && trailing.length === onePass.length
  if (!closed || prefixed.length + onePass.length !== leading.length) {
    throw badData("message", "it is not one text with its signatures")
  }
  const plaintext = (literal as unknown as WithBytes).getBytes()
  if (!(plaintext instanceof Uint8Array)) throw badData("message", "its text cannot be read")
  if (plaintext.length > limits.maxPlaintextBytes) {
    throw badData("message", "it exceeds maxPlaintextBytes", "maxPlaintextBytes")
  }
  // A copy: the bytes lie in a larger buffer together with the signatures.
  return { literal, plaintext: new Uint8Array(plaintext), signatures: [...prefixed, ...trailing] }
}

async function unwrapped(list: pgp.PacketList<pgp.AnyPacket>): Promise<Packets> {
  const outer = await allPackets(list)
  const compressed = outer.find((p) => p instanceof pgp.CompressedDataPacket)
  if (compressed === undefined) return outer
  if (outer.length !== 1) throw badData("message", "compressed text beside other packets")
  return allPackets((compressed as unknown as { readonly packets: pgp.PacketList<pgp.AnyPacket> }).packets)
}

function isSignature(packet: pgp.AnyPacket): boolean {
  return isA(packet, pgp.enums.packet.signature)
}

/** Is it of this type? True also of a version or algorithm that the library does not know. */
function isA(packet: pgp.AnyPacket, tag: pgp.enums.packet): boolean {
  const own = packet as { readonly tag?: unknown; readonly constructor?: { readonly tag?: unknown } }
  return own.tag === tag || own.constructor?.tag === tag
}
