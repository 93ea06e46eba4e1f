import { type Fingerprint, fingerprint } from "@aurochs/core"
import * as pgp from "openpgp"
import { type SignedData, signatureHolds } from "./engine.ts"

/** A signature of the key's owner whose arithmetic was verified. Times are in milliseconds since 1970. */
export interface Held {
  readonly packet: pgp.SignaturePacket
  readonly createdAt: number
  /** Of the signature itself, not of the key; Infinity: never. */
  readonly expiresAt: number
}

/** A verified revocation. A hard one (compromised, or no reason given) counts for all time, a soft one from its date. */
export interface Revocation {
  readonly packet: pgp.SignaturePacket
  readonly createdAt: number
  readonly hard: boolean
}

/** A User ID or attribute with the owner's signatures on it. */
export interface CheckedUser {
  readonly packet: pgp.UserIDPacket | pgp.UserAttributePacket
  /** Undefined: an attribute. */
  readonly text: string | undefined
  readonly self: readonly Held[]
  readonly revocations: readonly Revocation[]
  /** Of others: kept, never verified. */
  readonly others: readonly pgp.SignaturePacket[]
}

/** A binding signature; `signsBack`: the subkey itself has agreed (RFC 9580 §5.2.1.8), without which it may not sign. */
export interface Binding extends Held {
  readonly signsBack: boolean
}

/** A subkey with at least one verified binding. */
export interface CheckedSubkey {
  readonly packet: KeyPacket
  readonly bindings: readonly Binding[]
  readonly revocations: readonly Revocation[]
}

/** A primary key or subkey packet, public or secret. */
export type KeyPacket = pgp.PublicKeyPacket | pgp.PublicSubkeyPacket | pgp.SecretKeyPacket | pgp.SecretSubkeyPacket

/** A certificate or secret key, its self-signatures verified once. Plain data: what it means at a moment is judged elsewhere. */
export interface Checked {
  readonly fingerprint: Fingerprint
  readonly primary: KeyPacket
  /** Direct-key signatures. */
  readonly direct: readonly Held[]
  readonly revocations: readonly Revocation[]
  readonly users: readonly CheckedUser[]
  readonly subkeys: readonly CheckedSubkey[]
}

/**
 * Verifies every self-signature of a key. What does not hold is left out: a User ID without one has an empty `self`, a
 * subkey without one is no part of this key (attacks A4, A23, A24).
 *
 * @param config decides which hashes a self-signature may use
 */
export async function checkKey(key: pgp.Key, config: pgp.Config): Promise<Checked> {
  const primary = key.keyPacket
  const { signature } = pgp.enums
  const ours = (packets: readonly pgp.SignaturePacket[]) =>
    packets.filter((p) => p.issuerKeyID.equals(primary.getKeyID()))
  const holding = async (packets: readonly pgp.SignaturePacket[], type: pgp.enums.signature, data: SignedData) => {
    const good: pgp.SignaturePacket[] = []
    for (const packet of ours(packets)) {
      if (await signatureHolds(packet, primary, type, data, config)) good.push(packet)
    }
    return good
  }
  const directPackets = key
    .toPacketList()
    .filter((p): p is pgp.SignaturePacket => p instanceof pgp.SignaturePacket && p.signatureType === signature.key)
  const users: CheckedUser[] = []
  for (const user of key.users) {
    const packet = user.userID ?? user.userAttribute
    if (packet === null) continue
    const data = { key: primary, ...(user.userID ? { userID: user.userID } : { userAttribute: packet }) } as SignedData
    users.push({
      packet,
      text: user.userID?.userID,
      self: (await holding(user.selfCertifications, signature.certGeneric, data)).map(held),
      revocations: (await holding(user.revocationSignatures, signature.certRevocation, data)).map(revocation),
      others: user.otherCertifications,
    })
  }
  const subkeys: CheckedSubkey[] = []
  for (const subkey of key.subkeys) {
    const data = { key: primary, bind: subkey.keyPacket }
    const bindings: Binding[] = []
    for (const packet of await holding(subkey.bindingSignatures, signature.subkeyBinding, data)) {
      bindings.push({ ...held(packet), signsBack: await signsBack(packet, subkey.keyPacket, data, config) })
    }
    if (bindings.length === 0) continue
    const revocations = await holding(subkey.revocationSignatures, signature.subkeyRevocation, data)
    subkeys.push({ packet: subkey.keyPacket, bindings, revocations: revocations.map(revocation) })
  }
  const keyRevocations = await holding(key.revocationSignatures, signature.keyRevocation, { key: primary })
  return {
    fingerprint: fingerprint(primary.getFingerprint()),
    primary,
    direct: (await holding(directPackets, signature.key, { key: primary })).map(held),
    revocations: keyRevocations.map(revocation),
    users,
    subkeys,
  }
}

async function signsBack(
  binding: pgp.SignaturePacket,
  subkey: KeyPacket,
  data: SignedData,
  config: pgp.Config,
): Promise<boolean> {
  const back = binding.embeddedSignature
  if (back?.signatureType !== pgp.enums.signature.keyBinding) return false
  return signatureHolds(back, subkey, pgp.enums.signature.keyBinding, data, config)
}

/** The times of a verified signature. */
export function held(packet: pgp.SignaturePacket): Held {
  const expiry = packet.getExpirationTime()
  return {
    packet,
    createdAt: packet.created?.getTime() ?? Number.POSITIVE_INFINITY,
    expiresAt: expiry instanceof Date ? expiry.getTime() : Number.POSITIVE_INFINITY,
  }
}

const SOFT: ReadonlySet<number | null> = new Set([
  pgp.enums.reasonForRevocation.keySuperseded,
  pgp.enums.reasonForRevocation.keyRetired,
  pgp.enums.reasonForRevocation.userIDInvalid,
])

function revocation(packet: pgp.SignaturePacket): Revocation {
  const { createdAt } = held(packet)
  return { packet, createdAt, hard: !SOFT.has(packet.reasonForRevocationFlag) }
}
