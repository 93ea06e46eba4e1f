import type { BareJid, CallOptions, Certificate, Clock } from "@aurochs/core"
import type { CertificateInfo, CryptoProvider } from "@aurochs/crypto"
import { userIdOf } from "../user-id.ts"

/**
 * The smallest form of one's own certificate, as it is announced: with the certifications by one's other keys (R49).
 *
 * @param own certificates of one's own keys, this one may be among them
 */
export async function announcedForm(
  o: { readonly account: BareJid; readonly provider: CryptoProvider; readonly clock: Clock } & CallOptions,
  certificate: Certificate,
  own: readonly Certificate[],
): Promise<CertificateInfo> {
  const keepCertifiedBy = own.filter((one) => one.fingerprint !== certificate.fingerprint)
  const at = { now: o.clock.now(), signal: o.signal }
  const small = await o.provider.minimize(certificate.bytes, {
    ...at,
    keepUserId: userIdOf(o.account),
    keepCertifiedBy,
  })
  return o.provider.inspect(small.bytes, at)
}
