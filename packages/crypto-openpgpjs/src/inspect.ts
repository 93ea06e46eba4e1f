import { type BareJid, bareJid } from "@aurochs/core"
import type { CertificateInfo, TimeSpan } from "@aurochs/crypto"
import type * as pgp from "openpgp"
import type { Checked, KeyPacket } from "./checked.ts"
import { encryptionKey, signingKey } from "./choose.ts"
import { primaryExpiry, revokedAt, userStatus } from "./judge.ts"
import { spanAround } from "./span.ts"

/** What a checked certificate says at `now`. */
export function describe(key: Checked, bytes: Uint8Array, now: Date, config: pgp.Config): CertificateInfo {
  const at = now.getTime()
  const known = described.get(key)
  if (known !== undefined && known.holds.from <= at && at < known.holds.until) return { ...known, bytes }
  const says = { ...judged(key, at, config), holds: Object.freeze(spanAround(key, at)) }
  described.set(key, says)
  return { ...says, bytes }
}

type Says = Omit<CertificateInfo, "bytes" | "holds">

/** What was said last, and for how long nothing in it can change. A key is checked by one provider, whose configuration stays. */
const described = new WeakMap<Checked, Says & { readonly holds: TimeSpan }>()

function judged(key: Checked, at: number, config: pgp.Config): Says {
  const expiry = primaryExpiry(key, at)
  const revoked = revokedAt(key.revocations, at)
  const userIds = key.users.flatMap((user) =>
    user.text === undefined ? [] : [Object.freeze({ text: user.text, status: userStatus(user, at) })],
  )
  return {
    fingerprint: key.fingerprint,
    // Every caller gets the same ones.
    userIds: Object.freeze(userIds),
    createdAt: key.primary.created,
    expiresAt: Number.isFinite(expiry) ? new Date(expiry) : undefined,
    revokedAt: revoked === undefined ? undefined : new Date(revoked),
    ...(revoked === undefined ? {} : { revocation: key.revocations.some((one) => one.hard) ? "hard" : "soft" }),
    canEncrypt: typeof encryptionKey(key, at, config) !== "string",
    canSign: typeof signingKey(key, at, config) !== "string",
    algorithm: algorithmOf(key.primary),
  }
}

function algorithmOf(packet: KeyPacket): string {
  const { algorithm, bits, curve } = packet.getAlgorithmInfo()
  if (algorithm === "rsaEncryptSign" || algorithm === "rsaSign" || algorithm === "rsaEncrypt") return `rsa${bits}`
  if (algorithm === "eddsaLegacy" && curve !== undefined) return curve
  return curve === undefined ? algorithm : `${algorithm} ${curve}`
}

/** Stands where an error must name an owner and the certificate names none; RFC 2606 keeps `invalid` free for this. */
export const UNKNOWN_OWNER: BareJid = bareJid("unknown@unknown.invalid")

/** Whose certificate it claims to be: its first signed `xmpp:` User ID, else {@link UNKNOWN_OWNER}. */
export function ownerOf(key: Checked): BareJid {
  for (const user of key.users) {
    if (user.self.length === 0 || !user.text?.startsWith("xmpp:")) continue
    try {
      return bareJid(user.text.slice("xmpp:".length))
    } catch {
      // Not an address: the next one may be.
    }
  }
  return UNKNOWN_OWNER
}
