import type { CryptoProvider } from "@aurochs/crypto"
import { type Case, describeCases, type SuiteOptions } from "./case.ts"
import { certificateCases } from "./crypto-certificates.ts"
import { packagingCases } from "./crypto-packaging.ts"
import { sealingCases } from "./crypto-sealing.ts"
import { secretCases } from "./crypto-secrets.ts"
import { verifyingCases } from "./crypto-verifying.ts"

/** Every case of the crypto suite, for runners of one's own; {@link describeCryptoProvider} runs them with vitest. */
export const cryptoProviderCases: readonly Case<CryptoProvider>[] = [
  ...sealingCases,
  ...verifyingCases,
  ...packagingCases,
  ...certificateCases,
  ...secretCases,
]

/**
 * What every OpenPGP engine must do and withstand. Of an engine whose `verdicts` are `valid-only` only the good
 * signatures are compared.
 *
 * @param name of the engine
 * @param make makes a provider with default limits; called once for each case
 * @param options.skip cases it is known not to pass, by title, each with its reason
 */
export function describeCryptoProvider(
  name: string,
  make: () => CryptoProvider | Promise<CryptoProvider>,
  options: SuiteOptions = {},
): void {
  describeCases(`CryptoProvider: ${name}`, cryptoProviderCases, make, options)
}
