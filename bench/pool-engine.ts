import type { CryptoProvider } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"

/** What each worker makes. */
export function provider(): CryptoProvider {
  return openssl({ fallback: openpgpjs() })
}
