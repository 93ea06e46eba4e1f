import { type BareJid, bareJid } from "@aurochs/core"
import type { CertificateInfo, UserId } from "@aurochs/crypto"

const scheme = "xmpp:"

/** The User ID of an account's key, verbatim (XEP-0373 §8.5, requirement R53). */
export function userIdOf(jid: BareJid): string {
  return `${scheme}${jid}`
}

/**
 * The User ID that names this account (XEP-0373 §3.2, requirement R17): `xmpp:` and a bare JID that is the same after
 * RFC 7622 preparation. Nothing may stand before or behind it.
 *
 * @param statuses which count; by default only `valid`: anybody can graft an unsigned User ID on a certificate
 * @returns undefined if the certificate has none
 */
export function findUserId(
  info: Pick<CertificateInfo, "userIds">,
  jid: BareJid,
  statuses: readonly UserId["status"][] = VALID,
): UserId | undefined {
  for (const userId of info.userIds) {
    if (statuses.includes(userId.status) && names(userId.text, jid)) return userId
  }
  return undefined
}

const VALID = ["valid"] as const

function names(text: string, jid: BareJid): boolean {
  if (!text.startsWith(scheme)) return false
  try {
    const named = bareJid(text.slice(scheme.length))
    return named === jid || named === bareJid(jid)
  } catch {
    return false
  }
}
