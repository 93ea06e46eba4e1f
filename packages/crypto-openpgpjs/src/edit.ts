import { type CallOptions, type Certificate, throwIfAborted } from "@aurochs/core"
import type { At } from "@aurochs/crypto"
import { frame, tag } from "@aurochs/crypto/packets"
import * as pgp from "openpgp"
import { boundCertificate } from "./bounds.ts"
import { certificationsOf } from "./certifications.ts"
import type { Checked, CheckedSubkey, CheckedUser, Held, KeyPacket } from "./checked.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { packetList, signatureHolds } from "./engine.ts"
import { badData, step } from "./errors.ts"
import { newest } from "./judge.ts"

/**
 * The smallest certificate that serves (XEP-0373 §7.2): one User ID, of each thing only the newest self-signature, all
 * of the owner's revocations, every subkey, nobody else's signatures but the newest by each of `keepCertifiedBy`.
 *
 * @throws {AurochsError} `BAD_DATA`, `ABORTED`
 */
export async function minimize(
  context: Context,
  certificate: Uint8Array,
  options: CallOptions &
    At & {
      readonly keepUserId: string
      readonly keepCertifiedBy?: readonly Certificate[] | undefined
    },
): Promise<Certificate> {
  const key = await readCertificate(context, certificate, options)
  const now = momentOf(context, options).getTime()
  const user = key.users.find((one) => one.text === options.keepUserId && one.self.length > 0)
  if (user === undefined) throw badData("certificate", "it does not carry this User ID with a valid self-signature")
  const last = <T extends Held>(signatures: readonly T[]): T[] => {
    const one = newest(signatures, now) ?? signatures.at(-1)
    return one === undefined ? [] : [one]
  }
  const others: pgp.SignaturePacket[] = []
  for (const { bytes } of options.keepCertifiedBy ?? []) {
    const signer = await readCertificate(context, bytes, options)
    const [packet] = await certificationsOf(key, user, signer, undefined, context.config)
    if (packet !== undefined) others.push(packet)
  }
  return written({
    ...key,
    direct: last(key.direct),
    users: [{ ...user, self: last(user.self), others }],
    subkeys: key.subkeys.map((subkey) => ({ ...subkey, bindings: last(subkey.bindings) })),
  })
}

/**
 * The union of two copies. Only what the owner signed gets in; third-party certifications stay as long as there is
 * room for them (attack A19).
 *
 * @param b a second copy, or a revocation certificate of `a`: a bare signature packet
 * @throws {AurochsError} `BAD_DATA`, `ABORTED`
 */
export async function merge(
  context: Context,
  a: Uint8Array,
  b: Uint8Array,
  options: CallOptions | undefined,
): Promise<Certificate> {
  const left = await readCertificate(context, a, options)
  const right = isSignature(b) ? await revoked(context, left, b) : await readCertificate(context, b, options)
  throwIfAborted(options)
  if (left.fingerprint !== right.fingerprint) throw badData("certificate", "copies of two different certificates")
  const both = united(left, right)
  const full = written(both)
  const fits = full.bytes.length <= context.limits.maxCertificateBytes
  const result = fits ? full : written({ ...both, users: both.users.map((user) => ({ ...user, others: [] })) })
  boundCertificate(result.bytes, context.limits)
  return result
}

function isSignature(bytes: Uint8Array): boolean {
  const framed = frame(bytes, { maxPackets: 1 })
  return typeof framed !== "string" && framed[0]?.tag === tag.signature
}

/** `key` with the revocation that these bytes are. */
async function revoked(context: Context, key: Checked, bytes: Uint8Array): Promise<Checked> {
  const wrong = () => badData("certificate", "not a revocation of this certificate")
  const { packets } = await step(
    () => pgp.readSignature({ binarySignature: new Uint8Array(bytes), config: context.config }),
    wrong,
  )
  const [packet] = packets
  const { keyRevocation } = pgp.enums.signature
  if (packet === undefined || packets.length !== 1 || packet.signatureType !== keyRevocation) throw wrong()
  if (!(await signatureHolds(packet, key.primary, keyRevocation, { key: key.primary }, context.config))) throw wrong()
  // Its date and kind are read again by whoever reads the result.
  return { ...key, revocations: [{ packet, createdAt: 0, hard: true }] }
}

/** Everything that two copies of one key say; of a secret and a public packet of one key `a` gives the packet. */
export function united(a: Checked, b: Checked): Checked {
  return {
    ...a,
    direct: union(a.direct, b.direct),
    revocations: union(a.revocations, b.revocations),
    users: matched(a.users, b.users, unitedUser).filter((user) => user.self.length > 0),
    subkeys: matched(a.subkeys, b.subkeys, unitedSubkey),
  }
}

function unitedUser(a: CheckedUser, b: CheckedUser): CheckedUser {
  return {
    ...a,
    self: union(a.self, b.self),
    revocations: union(a.revocations, b.revocations),
    others: unionBy([...a.others, ...b.others], (packet) => packet),
  }
}

function unitedSubkey(a: CheckedSubkey, b: CheckedSubkey): CheckedSubkey {
  return { ...a, bindings: union(a.bindings, b.bindings), revocations: union(a.revocations, b.revocations) }
}

interface HasPacket {
  readonly packet: pgp.AnyPacket
}

function union<T extends HasPacket>(a: readonly T[], b: readonly T[]): readonly T[] {
  return unionBy([...a, ...b], ({ packet }) => packet)
}

function unionBy<T>(all: readonly T[], packetOf: (item: T) => pgp.AnyPacket): readonly T[] {
  return [...new Map(all.map((item) => [textOf(packetOf(item)), item])).values()]
}

function matched<T extends HasPacket>(a: readonly T[], b: readonly T[], join: (x: T, y: T) => T): readonly T[] {
  const result = new Map<string, T>()
  for (const item of [...a, ...b]) {
    const key = textOf(item.packet)
    const there = result.get(key)
    result.set(key, there === undefined ? item : join(there, item))
  }
  return [...result.values()]
}

/** The packet's bytes as a text, to compare by. */
function textOf(packet: pgp.AnyPacket): string {
  return Array.from(packet.write(), (byte) => String.fromCharCode(byte)).join("")
}

/** A key as its packets, in the order of RFC 9580 §10.1. */
export function packetsOf(key: Checked): pgp.AnyPacket[] {
  const of = (items: readonly HasPacket[]) => items.map(({ packet }) => packet)
  const packets: pgp.AnyPacket[] = [key.primary, ...of(key.revocations), ...of(key.direct)]
  for (const user of key.users) packets.push(user.packet, ...of(user.revocations), ...of(user.self), ...user.others)
  for (const subkey of key.subkeys) {
    packets.push(subkey.packet as KeyPacket, ...of(subkey.revocations), ...of(subkey.bindings))
  }
  return packets
}

/** A public key as the certificate it is. */
export function written(key: Checked): Certificate {
  return { fingerprint: key.fingerprint, bytes: packetList(packetsOf(key)).write() }
}
