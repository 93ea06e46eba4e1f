import type { Fingerprint } from "@aurochs/core"
import type { SignatureVerdict } from "@aurochs/crypto"
import * as pgp from "openpgp"
import type { Checked, CheckedSubkey, KeyPacket } from "./checked.ts"
import { arithmeticOnly, signatureHolds } from "./engine.ts"
import { hexOf } from "./hex.ts"
import {
  CLOCK_SKEW_MS,
  hasFlag,
  isWeak,
  newest,
  primaryExpiry,
  primarySelf,
  primaryUnfit,
  SIGNS,
  subkeyUnfit,
} from "./judge.ts"

type Because = Extract<SignatureVerdict, { reason: "unusable-key" }>["because"]

/** Hashes of message signatures that can be computed; those below them are weak (attack A20). */
const HASHES: ReadonlySet<number | null> = new Set([1, 2, 3, 8, 9, 10, 11, 12, 14])

/** What is known when a signature is judged. */
export interface Judging {
  readonly literal: pgp.LiteralDataPacket
  readonly keys: readonly Checked[]
  /** Whose secret key opened the message; undefined: it was not encrypted. */
  readonly encryptedTo: Fingerprint | undefined
  /** Milliseconds since 1970. */
  readonly now: number
  readonly config: pgp.Config
}

/** One verdict on one signature packet. Of several keys that could have made it the best answer counts. */
export async function judge(signature: pgp.AnyPacket, judging: Judging): Promise<SignatureVerdict> {
  if (!(signature instanceof pgp.SignaturePacket)) return { kind: "unverified", reason: "undetermined" }
  const issuer = issuerOf(signature)
  const { binary, text } = pgp.enums.signature
  const type = signature.signatureType
  const meantForUs = takeIntended(signature, judging.encryptedTo)
  if ((type !== binary && type !== text) || !HASHES.has(signature.hashAlgorithm) || hasUnknownCritical(signature)) {
    return { kind: "unverified", reason: "undetermined", issuer }
  }
  let best: SignatureVerdict = { kind: "unverified", reason: "unknown-key", issuer }
  for (const key of judging.keys) {
    for (const candidate of candidates(key, signature)) {
      const verdict = meantForUs
        ? await judgeBy(signature, type, key, candidate, judging)
        : { kind: "invalid" as const, certificate: key.fingerprint }
      if (rank(verdict) > rank(best)) best = verdict
    }
  }
  return best
}

/** Upper-case hex: the fingerprint if the signature names it, else the key ID. */
function issuerOf(signature: pgp.SignaturePacket): string {
  const bytes = signature.issuerFingerprint
  if (bytes === null) return signature.issuerKeyID.toHex().toUpperCase()
  return hex(bytes)
}

function hex(bytes: Uint8Array): string {
  return hexOf(bytes).toUpperCase()
}

const INTENDED_RECIPIENT = 35

/**
 * RFC 9580 §5.2.3.36: a signature that names its recipients, and not us, was made for another message (attack A1). The
 * library does not know the subpacket, so it is taken out before the library stumbles over it; the signed bytes stay.
 */
function takeIntended(signature: pgp.SignaturePacket, encryptedTo: Fingerprint | undefined): boolean {
  const intended = signature.unknownSubpackets.filter((s) => s.type === INTENDED_RECIPIENT)
  signature.unknownSubpackets = signature.unknownSubpackets.filter((s) => s.type !== INTENDED_RECIPIENT)
  if (intended.length === 0 || encryptedTo === undefined) return true
  return intended.some((s) => hex(s.body.subarray(1)) === encryptedTo)
}

/** RFC 9580 §5.2.3.7: a critical subpacket that is not understood makes the signature void. */
function hasUnknownCritical(signature: pgp.SignaturePacket): boolean {
  return signature.unknownSubpackets.some((s) => s.critical) || signature.rawNotations.some((n) => n.critical)
}

/** A key of a certificate that may have made a signature. */
export interface Candidate {
  readonly packet: KeyPacket
  /** Undefined: the primary key. */
  readonly subkey?: CheckedSubkey
}

/** Every key of a certificate. */
export function everyKey(key: Checked): readonly Candidate[] {
  return [{ packet: key.primary }, ...key.subkeys.map((subkey) => ({ packet: subkey.packet, subkey }))]
}

function candidates(key: Checked, signature: pgp.SignaturePacket): readonly Candidate[] {
  return everyKey(key).filter(({ packet }) => packet.getKeyID().equals(signature.issuerKeyID))
}

async function judgeBy(
  signature: pgp.SignaturePacket,
  type: pgp.enums.signature,
  key: Checked,
  candidate: Candidate,
  { literal, now, config }: Judging,
): Promise<SignatureVerdict> {
  const certificate = key.fingerprint
  // Before the arithmetic, which the library refuses to do for some of them.
  if (config.rejectMessageHashAlgorithms.has(signature.hashAlgorithm ?? 1) || isWeak(candidate.packet, config)) {
    return { kind: "unverified", reason: "unusable-key", certificate, because: "weak" }
  }
  const holds = await signatureHolds(signature, candidate.packet, type, literal, arithmeticOnly(config))
  if (!holds || signature.created === null) return { kind: "invalid", certificate }
  const because = unusable(signature, signature.created.getTime(), key, candidate, now, config)
  if (because === undefined) return { kind: "valid", certificate, signedAt: signature.created }
  return { kind: "unverified", reason: "unusable-key", certificate, because }
}

/** Why a right signature does not count. */
function unusable(
  signature: pgp.SignaturePacket,
  signedAt: number,
  key: Checked,
  candidate: Candidate,
  now: number,
  config: pgp.Config,
): Because | undefined {
  if (primaryUnfit(key, signedAt, now, config) === "revoked") return "revoked"
  if (signedAt > now + CLOCK_SKEW_MS) return "not-yet-valid"
  const expiry = signature.getExpirationTime()
  if (expiry instanceof Date && now >= expiry.getTime()) return "expired"
  return keyUnusable(signedAt, key, candidate, now, config)
}

/**
 * Why no signature that this key made at `signedAt` counts. A key that expired, or was retired, after signing still
 * vouches for it; a key revoked as compromised, or without a reason, vouches for nothing.
 */
export function keyUnusable(
  signedAt: number,
  key: Checked,
  { subkey }: Candidate,
  now: number,
  config: pgp.Config,
): Because | undefined {
  const primary = primaryUnfit(key, signedAt, now, config)
  if (primary !== undefined) return named(primary)
  const self = primarySelf(key, now, "any") ?? primarySelf(key, signedAt, "any")
  if (self === undefined) return "no-sign-flag"
  if (signedAt >= primaryExpiry(key, now)) return "expired"
  if (subkey === undefined) return hasFlag(self.self.packet, SIGNS) ? undefined : "no-sign-flag"
  const binding = newest(subkey.bindings, now) ?? newest(subkey.bindings, signedAt)
  const unfit = subkeyUnfit(subkey, binding, signedAt, config)
  if (unfit !== undefined) return named(unfit)
  return binding?.signsBack && hasFlag(binding.packet, SIGNS) ? undefined : "no-sign-flag"
}

function named(unfit: string): Because {
  return unfit === "revoked" || unfit === "expired" || unfit === "weak" || unfit === "not-yet-valid"
    ? unfit
    : "no-sign-flag"
}

function rank(verdict: SignatureVerdict): number {
  if (verdict.kind === "valid") return 3
  if (verdict.kind === "invalid") return 1
  return verdict.reason === "unusable-key" ? 2 : 0
}
