import { type CallOptions, type Certificate, type Fingerprint, throwIfAborted } from "@aurochs/core"
import type { At } from "@aurochs/crypto"
import * as pgp from "openpgp"
import type { Checked, CheckedUser } from "./checked.ts"
import { type Context, momentOf, readCertificate } from "./context.ts"
import { arithmeticOnly, type SignedData, signatureHolds } from "./engine.ts"
import { CLOCK_SKEW_MS, hasFlag, primarySelf, primaryUnfit, userStatus } from "./judge.ts"

/** Certifications that name one signer and are verified, the newest first: a flood of them costs no more. */
const MAX_VERIFIED = 4

const { certGeneric, certPositive } = pgp.enums.signature

/**
 * Which of these certificates have certified a User ID.
 *
 * @throws {AurochsError} `BAD_DATA`, `ABORTED`
 */
export async function certifiedBy(
  context: Context,
  certificate: Uint8Array,
  options: CallOptions & At & { readonly by: readonly Certificate[]; readonly userId: string },
): Promise<readonly Fingerprint[]> {
  const now = momentOf(context, options).getTime()
  const key = await readCertificate(context, certificate, options)
  const user = key.users.find((one) => one.text === options.userId && userStatus(one, now) === "valid")
  const found: Fingerprint[] = []
  if (user === undefined || user.others.length === 0) return found
  for (const { bytes } of options.by) {
    throwIfAborted(options)
    const signer = await readCertificate(context, bytes, options)
    if ((await certificationsOf(key, user, signer, now, context.config)).length > 0) found.push(signer.fingerprint)
  }
  return found
}

/**
 * The certification of a User ID by one signer that counts, the newest if there are several; empty if there is none.
 *
 * @param now milliseconds since 1970; undefined: judged as of when it was made
 */
export async function certificationsOf(
  key: Checked,
  user: CheckedUser,
  signer: Checked,
  now: number | undefined,
  config: pgp.Config,
): Promise<readonly pgp.SignaturePacket[]> {
  if (signer.fingerprint === key.fingerprint) return []
  const data = { key: key.primary, userID: user.packet } as SignedData
  const named = user.others
    .filter((one) => one.issuerKeyID.equals(signer.primary.getKeyID()) && isCertification(one))
    .toSorted((a, b) => timeOf(b) - timeOf(a))
  for (const packet of named.slice(0, MAX_VERIFIED)) {
    if (!stands(packet, signer, now ?? timeOf(packet), config)) continue
    if (await signatureHolds(packet, signer.primary, certGeneric, data, arithmeticOnly(config))) return [packet]
  }
  return []
}

function isCertification({ signatureType }: pgp.SignaturePacket): boolean {
  return signatureType !== null && signatureType >= certGeneric && signatureType <= certPositive
}

function timeOf(signature: pgp.SignaturePacket): number {
  return signature.created?.getTime() ?? Number.POSITIVE_INFINITY
}

/** Was it made by a key that might certify then, with a hash that means something (attack A20)? */
function stands(packet: pgp.SignaturePacket, signer: Checked, now: number, config: pgp.Config): boolean {
  const madeAt = timeOf(packet)
  if (madeAt > now + CLOCK_SKEW_MS || config.rejectMessageHashAlgorithms.has(packet.hashAlgorithm ?? 1)) return false
  if (packet.unknownSubpackets.some((one) => one.critical) || packet.rawNotations.some((one) => one.critical))
    return false
  const expiry = packet.getExpirationTime()
  if (expiry instanceof Date && now >= expiry.getTime()) return false
  if (primaryUnfit(signer, madeAt, now, config) !== undefined) return false
  const self = primarySelf(signer, now, "any") ?? primarySelf(signer, madeAt, "any")
  return self !== undefined && hasFlag(self.self.packet, pgp.enums.keyFlags.certifyKeys)
}
