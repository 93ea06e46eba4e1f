import {
  AurochsError,
  type BareJid,
  bareJid,
  type CallOptions,
  type Certificate,
  type Fingerprint,
} from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import type { Context } from "./context.ts"
import { backend, noUsableKey } from "./errors.ts"
import { keyIdsOf } from "./key-ids.ts"
import { narrowed } from "./narrowed.ts"

/** A certificate that may be encrypted to, as gpg gets it. */
export interface Recipient {
  readonly fingerprint: Fingerprint
  readonly owner: BareJid | undefined
  /** One User ID, the newest self-signatures, the key to be used. */
  readonly bytes: Uint8Array
  /** Of the key that is encrypted to; of all its keys where the certificate reader does not tell which. */
  readonly keyIds: readonly string[]
}

/**
 * Decides, with the certificate reader, whether all of these may be encrypted to; gpg is told to trust that.
 *
 * @throws {AurochsError} `NO_USABLE_KEY`, with the certificate reader's reasons; `BAD_DATA` (`certificate`)
 */
export async function readRecipients(
  context: Context,
  recipients: readonly Certificate[],
  now: Date,
  { signal }: CallOptions,
): Promise<readonly Recipient[]> {
  const { certificates } = context
  const infos = await Promise.all(recipients.map((one) => certificates.inspect(one.bytes, { now, signal })))
  if (infos.length === 0 || infos.some((info) => !info.canEncrypt)) {
    // Whoever reads certificates knows why not: it refuses to encrypt to them itself.
    await certificates.encrypt(new Uint8Array(1), { recipients, now, signal })
    throw backend("the certificate reader contradicts itself")
  }
  // The same certificate twice would be one session key packet too many.
  const different = infos.filter((info, i) => infos.findIndex((one) => one.fingerprint === info.fingerprint) === i)
  return Promise.all(different.map((info) => recipient(context, info, now, { signal })))
}

async function recipient(
  { certificates }: Context,
  info: CertificateInfo,
  now: Date,
  { signal }: CallOptions,
): Promise<Recipient> {
  const choice = await certificates.keyFacts?.encryptionKey(info.bytes, { now, signal })
  const chosen = choice?.key?.fingerprint.slice(-16)
  const keepUserId = info.userIds.find((one) => one.status === "valid")?.text
  const smallest =
    keepUserId === undefined ? info.bytes : (await certificates.minimize(info.bytes, { keepUserId, now, signal })).bytes
  const keyIds = chosen === undefined ? keyIdsOf(smallest) : [chosen]
  return { fingerprint: info.fingerprint, owner: ownerOf(info), bytes: narrowed(smallest, chosen), keyIds }
}

/** The keys of a certificate of ours that may sign now. */
export interface Signing {
  /** When the signature is made: not before its key, so that a clock a little behind can use a brand-new one. */
  readonly at: Date
  /** Fingerprints; undefined where the certificate reader does not tell. */
  readonly keys: readonly Fingerprint[] | undefined
}

/** @throws {AurochsError} `NO_USABLE_KEY` if this key of ours does not sign now */
export async function checkSigner(
  context: Context,
  certificate: Certificate,
  now: Date,
  { signal }: CallOptions,
): Promise<Signing> {
  const { certificates } = context
  const info = await certificates.inspect(certificate.bytes, { now, signal })
  if (!info.canSign) throw noUsableKey(info.fingerprint, whyNot(info, now), ownerOf(info))
  const at = info.createdAt > now ? info.createdAt : now
  const facts = await certificates.keyFacts?.signers(certificate.bytes, { now, signedAt: at, signal })
  return { at, keys: facts?.keys.map((key) => key.fingerprint) }
}

function whyNot(info: CertificateInfo, now: Date): string {
  if (info.revokedAt !== undefined) return "revoked"
  if (info.expiresAt !== undefined && info.expiresAt <= now) return "expired"
  if (info.createdAt > now) return "not-yet-valid"
  const statuses = info.userIds.map(({ status }) => status)
  if (statuses.includes("valid")) return "no-sign-flag"
  if (statuses.includes("revoked")) return "revoked"
  return statuses.includes("expired") ? "expired" : "no-user-id"
}

/** Whose it is, from its first `xmpp:` User ID. */
export function ownerOf(info: CertificateInfo): BareJid | undefined {
  for (const { text } of info.userIds) {
    if (!text.startsWith("xmpp:")) continue
    try {
      return bareJid(text.slice("xmpp:".length))
    } catch (error) {
      if (!(error instanceof AurochsError)) throw error
    }
  }
  return undefined
}
