import type { UserId } from "@aurochs/crypto"
import * as pgp from "openpgp"
import type { Checked, CheckedSubkey, CheckedUser, Held, KeyPacket, Revocation } from "./checked.ts"

/**
 * How far another clock may be ahead of ours, in milliseconds: what was made up to this much later than `now` is taken
 * for made now. The same ten minutes as for the time of a message (attack A22).
 */
export const CLOCK_SKEW_MS = 600_000

/** Why a key may not be used. */
export type Unfit =
  | "revoked"
  | "expired"
  | "not-yet-valid"
  | "weak"
  | "no-sign-flag"
  | "no-encryption-key"
  | "no-user-id"

/** One key of a certificate, with the signatures that give it its meaning. */
export interface Usable {
  readonly packet: KeyPacket
  /** Undefined: the primary key. */
  readonly binding?: Held | undefined
  readonly self: Held
  /** Undefined if the certificate speaks through a direct-key signature. */
  readonly user?: CheckedUser | undefined
}

/** The newest signature that stands at `at`; of two with the same time the later one in the certificate. */
export function newest<T extends Held>(signatures: readonly T[], at: number): T | undefined {
  let best: T | undefined
  for (const one of signatures) {
    if (one.createdAt > at + CLOCK_SKEW_MS || one.expiresAt <= at) continue
    if (best === undefined || one.createdAt >= best.createdAt) best = one
  }
  return best
}

/** When the thing was revoked, as of `at`: a hard revocation counts whatever its date. Undefined: it is not. */
export function revokedAt(revocations: readonly Revocation[], at: number): number | undefined {
  const counting = revocations.filter((r) => r.hard || r.createdAt <= at)
  return counting.length === 0 ? undefined : Math.min(...counting.map((r) => r.createdAt))
}

/** What the certificate says of a User ID. The key's own expiry or revocation is not part of it. */
export function userStatus(user: CheckedUser, at: number): UserId["status"] {
  const self = newest(user.self, at)
  // A newer self-signature takes a soft revocation back, as in GnuPG; a hard one is never taken back.
  const counting = user.revocations.filter((r) => r.hard || self === undefined || r.createdAt >= self.createdAt)
  if (revokedAt(counting, at) !== undefined) return "revoked"
  if (self !== undefined) return "valid"
  return user.self.some((s) => s.createdAt <= at + CLOCK_SKEW_MS) ? "expired" : "unsigned"
}

/** When a key expires by this signature on it (RFC 9580 §5.2.3.13); Infinity: never. */
export function keyExpiry(packet: KeyPacket, signature: pgp.SignaturePacket): number {
  const seconds = signature.keyExpirationTime
  if (signature.keyNeverExpires !== false || seconds === null) return Number.POSITIVE_INFINITY
  return packet.created.getTime() + seconds * 1000
}

/**
 * The self-signature that speaks for the primary key at `at`: of a v6 key the direct-key signature (RFC 9580
 * §5.2.3.10), else that of the primary User ID, else the newest.
 *
 * @param only `valid`: only User IDs in good standing; `any`: a revoked one too, for signatures made before
 */
export function primarySelf(
  key: Checked,
  at: number,
  only: "valid" | "any",
): { self: Held; user?: CheckedUser | undefined } | undefined {
  const direct = newest(key.direct, at)
  if (key.primary.version === 6) return direct && { self: direct }
  let best: { self: Held; user: CheckedUser } | undefined
  for (const user of key.users) {
    if (user.text === undefined) continue
    const self = newest(user.self, at)
    if (self === undefined || (only === "valid" && userStatus(user, at) !== "valid")) continue
    if (best === undefined || ranks(self) > ranks(best.self)) best = { self, user }
  }
  if (best !== undefined) return best
  return only === "any" && direct !== undefined ? { self: direct } : undefined
}

/** Primary User IDs first, then by date. */
function ranks(self: Held): number {
  return self.createdAt + (self.packet.isPrimaryUserID ? 2 ** 52 : 0)
}

/** When the primary key expires, as said at `at`; Infinity: never. */
export function primaryExpiry(key: Checked, at: number): number {
  const spoken = [primarySelf(key, at, "any")?.self, newest(key.direct, at)]
  return Math.min(...spoken.map((s) => (s === undefined ? Number.POSITIVE_INFINITY : keyExpiry(key.primary, s.packet))))
}

/** Is this kind of key too weak to count (attack A20)? */
export function isWeak(packet: KeyPacket, config: pgp.Config): boolean {
  const info = packet.getAlgorithmInfo()
  if (config.rejectPublicKeyAlgorithms.has(packet.algorithm)) return true
  if (info.bits !== undefined && info.bits < config.minRSABits) return true
  return info.curve !== undefined && [...config.rejectCurves].some((curve) => curve === info.curve)
}

/**
 * May the primary key be used at all for something done at `doneAt`? The newest self-signature as of `now` decides, so
 * a renewed or minimized certificate still vouches for what it signed before.
 */
export function primaryUnfit(key: Checked, doneAt: number, now: number, config: pgp.Config): Unfit | undefined {
  if (revokedAt(key.revocations, doneAt) !== undefined) return "revoked"
  if (isWeak(key.primary, config)) return "weak"
  if (key.primary.created.getTime() > doneAt) return "not-yet-valid"
  if (doneAt >= primaryExpiry(key, now)) return "expired"
  return undefined
}

/** The same of a subkey that has this binding. */
export function subkeyUnfit(
  subkey: CheckedSubkey,
  binding: Held | undefined,
  doneAt: number,
  config: pgp.Config,
): Unfit | undefined {
  if (revokedAt(subkey.revocations, doneAt) !== undefined) return "revoked"
  if (isWeak(subkey.packet, config)) return "weak"
  if (subkey.packet.created.getTime() > doneAt) return "not-yet-valid"
  if (binding === undefined || doneAt >= keyExpiry(subkey.packet, binding.packet)) return "expired"
  return undefined
}

/** Does the signature give this key one of these capabilities (RFC 9580 §5.2.3.29)? No flags: none. */
export function hasFlag(signature: pgp.SignaturePacket, flags: number): boolean {
  return ((signature.keyFlags?.[0] ?? 0) & flags) !== 0
}

/** Does the signature list this symmetric cipher among the preferred ones (RFC 9580 §5.2.3.14)? */
export function hasPreference(signature: pgp.SignaturePacket, cipher: number): boolean {
  return signature.preferredSymmetricAlgorithms?.includes(cipher) ?? false
}

/** The flags that say "may sign data". */
export const SIGNS: number = pgp.enums.keyFlags.signData

/** The flags that say "may be encrypted to". */
export const ENCRYPTS: number = pgp.enums.keyFlags.encryptCommunication | pgp.enums.keyFlags.encryptStorage
