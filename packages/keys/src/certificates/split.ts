import { AurochsError, type BareJid, type Fingerprint } from "@aurochs/core"
import { defaultLimits } from "@aurochs/crypto"
import { type Packet, readPackets, tag, writePackets } from "@aurochs/crypto/packets"
import { findUserId } from "../user-id.ts"
import { fingerprintOf, keyIdOf, readSignature } from "./packets.ts"

/** One certificate of a keyring, in a small form. Nothing of it has been verified. */
export interface Reduced {
  readonly fingerprint: Fingerprint
  readonly bytes: Uint8Array
  /** Texts of the User IDs that were kept. */
  readonly userIds: readonly string[]
  /** Of the subkeys that were kept. */
  readonly subkeys: readonly Fingerprint[]
  /** Were there more revocations in its own name than are kept? One that was left out may be the real one. */
  readonly lacksRevocations: boolean
}

/** Packets of one answer: a flooded certificate of attack A19 has 20,000, and may be taken apart. */
const MAX_PACKETS = 100_000
/** Signatures over one key, User ID or subkey that are kept. */
const MAX_SIGNATURES = 8
/** Revocations of one of these that are kept besides; anybody can add forged ones, and date them as they like. */
const MAX_REVOCATIONS = 32
const { maxCertificateParts: maxParts, maxCertificateBytes } = defaultLimits
/** Revocations of key, subkey, certification (RFC 9580 §5.2.1). */
const REVOCATIONS: readonly number[] = [0x20, 0x28, 0x30]

/**
 * Takes a keyring apart and leaves out of each certificate what a flooded key server (attack A19, CVE-2019-13050) has
 * too much of: signatures that do not name the certificate itself as their maker, User IDs without any that does, photos,
 * and what is beyond the bounds. The newest signatures stay, and 32 revocations; of the User IDs that of `owner` comes
 * first.
 *
 * @returns in their order; those of other versions than 4 and 6 are left out (R45)
 * @throws {AurochsError} `BAD_DATA` (`certificate`): no packets, too many, or a secret key among them
 */
export function splitCertificates(bytes: Uint8Array, owner: BareJid): Reduced[] {
  const packets = readPackets(bytes, { maxPackets: MAX_PACKETS, lengths: "definite" })
  if (typeof packets === "string") throw bad("no sequence of at most 100,000 packets")
  if (packets.some((p) => p.tag === tag.secretKey || p.tag === tag.secretSubkey)) throw bad("a secret key")
  if (packets[0]?.tag !== tag.publicKey) throw bad("it does not begin with a key")
  const all: Reduced[] = []
  for (let at = 0; at < packets.length; ) {
    let end = at + 1
    while (end < packets.length && packets[end]?.tag !== tag.publicKey) end++
    const one = reduce(packets.slice(at, end), owner)
    if (one !== undefined) all.push(one)
    at = end
  }
  return all
}

/**
 * Why nothing can be said of it, although it was reduced: it is too large for an engine, or somebody has buried it under
 * so many revocations that a real one may be among those that were left out.
 */
export function gapOf(one: Reduced): "too-large" | "too-many-signatures" | undefined {
  if (one.lacksRevocations) return "too-many-signatures"
  return one.bytes.length > maxCertificateBytes ? "too-large" : undefined
}

/** A key, a User ID or a subkey with the signatures over it. */
interface Part {
  readonly head: Packet
  readonly signatures: readonly Packet[]
  readonly lacksRevocations: boolean
}

function reduce(packets: readonly Packet[], owner: BareJid): Reduced | undefined {
  const [primary] = packets
  const print = primary && fingerprintOf(primary.body)
  if (primary === undefined || print === undefined) return undefined
  const makers = [print, keyIdOf(print)]
  const parts: Part[] = []
  for (let at = 0; at < packets.length; ) {
    let end = at + 1
    while (end < packets.length && packets[end]?.tag === tag.signature) end++
    const head = packets[at]
    if (head !== undefined) parts.push({ head, ...ownSignatures(packets.slice(at + 1, end), makers) })
    at = end
  }
  const [first, ...others] = parts
  const signed = others.filter((part) => part.signatures.length > 0)
  const users = signed.filter((part) => part.head.tag === tag.userId)
  const isOwners = (part: Part) =>
    findUserId({ userIds: [{ text: textOf(part), status: "valid" }] }, owner) !== undefined
  const ordered = [...users.filter(isOwners), ...users.filter((part) => !isOwners(part))]
  const kept = new Set([
    ...(first === undefined ? [] : [first]),
    ...ordered.slice(0, maxParts),
    ...signed.filter((part) => part.head.tag === tag.publicSubkey).slice(0, maxParts),
  ])
  const result = parts.filter((part) => kept.has(part))
  return {
    fingerprint: print,
    bytes: writePackets(result.flatMap((part) => [part.head, ...part.signatures])),
    userIds: result.filter((part) => part.head.tag === tag.userId).map(textOf),
    subkeys: result.flatMap(({ head }) =>
      (head.tag === tag.publicSubkey ? [fingerprintOf(head.body) ?? []] : []).flat(),
    ),
    lacksRevocations: result.some((part) => part.lacksRevocations),
  }
}

function ownSignatures(signatures: readonly Packet[], makers: readonly string[]): Omit<Part, "head"> {
  const own = signatures.flatMap((packet) => {
    const facts = readSignature(packet.body)
    return facts?.issuers.some((issuer) => makers.includes(issuer)) ? [{ packet, facts }] : []
  })
  const newest = own.toSorted((a, b) => b.facts.createdAt - a.facts.createdAt)
  const isRevocation = ({ facts }: (typeof own)[number]) => REVOCATIONS.includes(facts.type)
  const revocations = newest.filter(isRevocation)
  const kept = new Set([
    ...revocations.slice(0, MAX_REVOCATIONS),
    ...newest.filter((one) => !isRevocation(one)).slice(0, MAX_SIGNATURES),
  ])
  return {
    signatures: own.filter((one) => kept.has(one)).map(({ packet }) => packet),
    lacksRevocations: revocations.length > MAX_REVOCATIONS,
  }
}

function textOf({ head }: Part): string {
  return new TextDecoder().decode(head.body)
}

function bad(why: string): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `not certificates: ${why}`, { what: "certificate" })
}
