import type { Limits } from "@aurochs/crypto"
import { type Framed, frame, tag } from "@aurochs/crypto/packets"
import { badData } from "./errors.ts"

/** Packets of one certificate or secret key: far more than fit with real signatures into its byte limit. */
const MAX_KEY_PACKETS = 1_024

/**
 * Is it small enough to be looked at (attack A19)?
 *
 * @throws {AurochsError} `BAD_DATA`
 */
export function boundCertificateSize(bytes: Uint8Array, limits: Limits): void {
  if (bytes.length > limits.maxCertificateBytes) throw tooMuch("certificate", "maxCertificateBytes")
}

/**
 * Looks at the packet headers of one certificate, before any packet is parsed (attack A19).
 *
 * @throws {AurochsError} `BAD_DATA`
 */
export function boundCertificate(bytes: Uint8Array, limits: Limits): void {
  boundCertificateSize(bytes, limits)
  const packets = framedKey(bytes, "certificate")
  if (packets[0]?.tag !== tag.publicKey) throw badData("certificate", "a certificate begins with a public key packet")
  const stray = packets.slice(1).some((p) => p.tag === tag.publicKey || IN_SECRET_KEYS.has(p.tag))
  if (stray) throw badData("certificate", "one certificate at a time, and no secret keys")
  boundParts(packets, tag.publicSubkey, "certificate", limits)
}

/**
 * Splits transferable secret keys that follow one another (XEP-0373 §5.4), before any packet is parsed.
 *
 * @throws {AurochsError} `BAD_DATA`
 */
export function splitSecretKeys(bytes: Uint8Array, limits: Limits): readonly Uint8Array[] {
  if (bytes.length > limits.maxMessageBytes) throw tooMuch("secret-key", "maxMessageBytes")
  const packets = framedKey(bytes, "secret-key")
  if (packets[0]?.tag !== tag.secretKey) throw badData("secret-key", "a secret key begins with a secret key packet")
  const starts = packets.flatMap((p, i) => (p.tag === tag.secretKey ? [i] : []))
  if (starts.length > limits.maxCertificateParts) throw tooMuch("secret-key", "maxCertificateParts")
  return starts.map((start, i) => {
    const own = packets.slice(start, starts[i + 1])
    if (own.some((p) => p.tag === tag.publicKey || p.tag === tag.publicSubkey)) {
      throw badData("secret-key", "a secret key that holds a public key packet")
    }
    boundParts(own, tag.secretSubkey, "secret-key", limits)
    const one = bytes.subarray(own[0]?.start ?? 0, own.at(-1)?.end ?? 0)
    if (one.length > limits.maxCertificateBytes) throw tooMuch("secret-key", "maxCertificateBytes")
    return one
  })
}

const IN_SECRET_KEYS: ReadonlySet<number> = new Set([tag.secretKey, tag.secretSubkey])

const IN_MESSAGES: ReadonlySet<number> = new Set([
  tag.publicKeySession,
  tag.passwordSession,
  tag.onePassSignature,
  tag.compressed,
  tag.encryptedWithoutIntegrity,
  tag.literal,
  tag.encrypted,
  tag.aeadEncrypted,
])

function framedKey(bytes: Uint8Array, what: "certificate" | "secret-key"): readonly Framed[] {
  const packets = frame(bytes, { maxPackets: MAX_KEY_PACKETS })
  if (packets === "too-many") throw tooMuch(what, "maxPackets")
  if (packets === "malformed") throw badData(what, "not a binary OpenPGP packet sequence")
  if (packets.some((p) => IN_MESSAGES.has(p.tag))) throw badData(what, "a message packet among key packets")
  return packets
}

function boundParts(
  packets: readonly Framed[],
  subkey: number,
  what: "certificate" | "secret-key",
  limits: Limits,
): void {
  const subkeys = packets.filter((p) => p.tag === subkey).length
  const users = packets.filter((p) => p.tag === tag.userId || p.tag === tag.userAttribute).length
  if (Math.max(subkeys, users) > limits.maxCertificateParts) throw tooMuch(what, "maxCertificateParts")
}

function tooMuch(what: "certificate" | "secret-key", limit: string): Error {
  return badData(what, `it exceeds ${limit}`, limit)
}
