import type { CryptoProvider } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "../src/index.ts"

/** What each worker of the pool under test makes. */
export function provider(): CryptoProvider {
  return openssl({ fallback: openpgpjs() })
}
