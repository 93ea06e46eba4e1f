import type { CryptoProvider } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"

/** The engines that both bots can use. A new one is one line. */
const ENGINES: Readonly<Record<string, () => CryptoProvider>> = {
  openpgpjs: () => openpgpjs(),
  openssl: () => openssl({ fallback: openpgpjs() }),
}

/** Their names, as the sides of the bench. */
export const engineNames: readonly string[] = Object.keys(ENGINES)

/** One of {@link engineNames}. */
export function providerNamed(name: string): CryptoProvider {
  const make = ENGINES[name]
  if (make === undefined) throw new Error(`there is no engine named ${name}`)
  return make()
}
