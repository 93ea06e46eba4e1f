import * as pgp from "openpgp"
import type { Checked, CheckedSubkey, KeyPacket } from "./checked.ts"
import { packetList } from "./engine.ts"
import {
  CLOCK_SKEW_MS,
  ENCRYPTS,
  hasFlag,
  newest,
  primarySelf,
  primaryUnfit,
  SIGNS,
  subkeyUnfit,
  type Unfit,
  type Usable,
  userStatus,
} from "./judge.ts"

const { publicKey } = pgp.enums

const CAN_ENCRYPT: ReadonlySet<number> = new Set([
  publicKey.rsaEncryptSign,
  publicKey.rsaEncrypt,
  publicKey.ecdh,
  publicKey.x25519,
  publicKey.x448,
])

const CAN_SIGN: ReadonlySet<number> = new Set([
  publicKey.rsaEncryptSign,
  publicKey.rsaSign,
  publicKey.ecdsa,
  publicKey.eddsaLegacy,
  publicKey.ed25519,
  publicKey.ed448,
])

/** The key to encrypt to, or why there is none: the newest subkey that is fit, else the primary key. */
export function encryptionKey(key: Checked, now: number, config: pgp.Config): Usable | Unfit {
  return choose(key, now, config, {
    none: "no-encryption-key",
    allows: (packet, flags) => CAN_ENCRYPT.has(packet.algorithm) && hasFlag(flags, ENCRYPTS),
  })
}

/**
 * The key to sign with, or why there is none. The primary key comes first: some clients drop signatures made by a
 * subkey.
 */
export function signingKey(key: Checked, now: number, config: pgp.Config): Usable | Unfit {
  return choose(key, now, config, {
    none: "no-sign-flag",
    primaryFirst: true,
    allows: (packet, flags, subkey) =>
      CAN_SIGN.has(packet.algorithm) &&
      hasFlag(flags, SIGNS) &&
      hasSecret(packet) &&
      (subkey === undefined || newest(subkey.bindings, now)?.signsBack === true),
  })
}

interface Purpose {
  readonly none: Unfit
  readonly primaryFirst?: boolean
  allows(packet: KeyPacket, flags: pgp.SignaturePacket, subkey?: CheckedSubkey): boolean
}

function choose(key: Checked, now: number, config: pgp.Config, purpose: Purpose): Usable | Unfit {
  const spoken = primarySelf(key, now, "valid")
  // A clock that is a little ahead of ours must not make its brand-new key useless to us.
  const when = (packet: KeyPacket) => Math.max(now, Math.min(packet.created.getTime(), now + CLOCK_SKEW_MS))
  const unfit = primaryUnfit(key, when(key.primary), now, config)
  if (unfit !== undefined) return unfit
  if (spoken === undefined) return withoutUser(key, now)
  const primary: Usable | undefined = purpose.allows(key.primary, spoken.self.packet)
    ? { packet: key.primary, ...spoken }
    : undefined
  if (primary !== undefined && purpose.primaryFirst) return primary
  let because: Unfit | undefined
  const byAge = [...key.subkeys].sort((a, b) => b.packet.created.getTime() - a.packet.created.getTime())
  for (const subkey of byAge) {
    const binding = newest(subkey.bindings, now)
    const flags = binding ?? subkey.bindings.at(-1)
    if (flags === undefined || !purpose.allows(subkey.packet, flags.packet, subkey)) continue
    const reason = subkeyUnfit(subkey, binding, when(subkey.packet), config)
    if (reason === undefined) return { packet: subkey.packet, binding, ...spoken }
    because ??= reason
  }
  return primary ?? because ?? purpose.none
}

function withoutUser(key: Checked, now: number): Unfit {
  const statuses = key.users.map((user) => userStatus(user, now))
  if (statuses.includes("revoked")) return "revoked"
  return statuses.includes("expired") ? "expired" : "no-user-id"
}

/** Is the secret part there? True of a public packet: then the question is only what the certificate allows. */
export function hasSecret(packet: KeyPacket): boolean {
  return !isSecret(packet) || packet.isDecrypted()
}

/** Is it a secret key packet? */
export function isSecret(packet: KeyPacket): packet is pgp.SecretKeyPacket | pgp.SecretSubkeyPacket {
  return packet instanceof pgp.SecretKeyPacket || packet instanceof pgp.SecretSubkeyPacket
}

/** All secret keys that may decrypt: old, expired and revoked ones too, or old messages were lost. */
export function decryptionKeys(key: Checked): readonly Usable[] {
  const keys = decrypting.get(key) ?? allThatDecrypt(key)
  decrypting.set(key, keys)
  return keys
}

/** A checked key is unlocked before it is checked, and does not change. */
const decrypting = new WeakMap<Checked, readonly Usable[]>()

function allThatDecrypt(key: Checked): readonly Usable[] {
  const always = (usable: readonly (Usable | undefined)[]) => usable.filter((u) => u !== undefined)
  const spoken = key.primary.version === 6 ? { self: key.direct.at(-1) } : lastSelf(key)
  const { self, user } = { user: undefined, ...spoken }
  if (self === undefined) return []
  const primary = hasFlag(self.packet, ENCRYPTS) ? { packet: key.primary, self, user } : undefined
  const subkeys = key.subkeys.map((subkey) => {
    const binding = subkey.bindings.findLast((b) => hasFlag(b.packet, ENCRYPTS))
    return binding && { packet: subkey.packet, binding, self, user }
  })
  return always([primary, ...subkeys]).filter((u) => CAN_ENCRYPT.has(u.packet.algorithm) && hasSecret(u.packet))
}

function lastSelf(key: Checked): Pick<Usable, "user"> & { self: Usable["self"] | undefined } {
  const users = key.users.filter((u) => u.text !== undefined && u.self.length > 0)
  const encrypting = users.find((u) => u.self.some((s) => hasFlag(s.packet, ENCRYPTS))) ?? users[0]
  const self = encrypting?.self.findLast((s) => hasFlag(s.packet, ENCRYPTS)) ?? encrypting?.self.at(-1)
  return { self, user: encrypting }
}

/**
 * A secret key for the library that holds nothing but what was chosen. So the library judges the very signatures that
 * were judged here, and its memory of revocations, which does not know of different moments, never comes into play.
 */
export function narrowedSecret(usable: Usable, key: Checked): pgp.PrivateKey {
  return new pgp.PrivateKey(packetList(narrowedPackets(usable, key)))
}

function narrowedPackets(usable: Usable, key: Checked): pgp.AnyPacket[] {
  const packets: pgp.AnyPacket[] = [key.primary]
  if (usable.user !== undefined) packets.push(usable.user.packet)
  packets.push(usable.self.packet)
  if (usable.binding !== undefined) packets.push(usable.packet, usable.binding.packet)
  return packets
}

/** The moment to give the library: not before any of the signatures that were chosen with our tolerance. */
export function momentFor(usable: Usable, now: Date): Date {
  const made = [usable.packet.created.getTime(), usable.self.createdAt, usable.binding?.createdAt ?? 0]
  return new Date(Math.max(now.getTime(), ...made))
}
