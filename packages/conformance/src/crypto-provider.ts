import type { CryptoProvider } from "@aurochs/crypto"
import { type Case, describeCases, type SuiteOptions } from "./case.ts"
import { certificateCases } from "./crypto-certificates.ts"
import { certifyingCases } from "./crypto-certifying.ts"
import { conductCases } from "./crypto-conduct.ts"
import { leakCases } from "./crypto-leaks.ts"
import { lifecycleCases } from "./crypto-lifecycle.ts"
import { packagingCases } from "./crypto-packaging.ts"
import { temporaryPlace } from "./crypto-place.ts"
import { sealingCases } from "./crypto-sealing.ts"
import { secretCases } from "./crypto-secrets.ts"
import { sessionKeyCases } from "./crypto-session-key.ts"
import { verifyingCases } from "./crypto-verifying.ts"

/** An engine may start a process for each call, on a machine that is busy. */
const TIMEOUT_MS = 120_000

/** Every case of the crypto suite, for runners of one's own; {@link describeCryptoProvider} runs them with vitest. */
export const cryptoProviderCases: readonly Case<CryptoProvider>[] = [
  ...sealingCases,
  ...conductCases,
  ...leakCases,
  ...verifyingCases,
  ...sessionKeyCases,
  ...packagingCases,
  ...certificateCases,
  ...lifecycleCases,
  ...certifyingCases,
  ...secretCases,
].map((one) => ({ timeoutMs: TIMEOUT_MS, ...one }))

/**
 * What every OpenPGP engine must do and withstand. Of an engine whose `verdicts` are `valid-only` only the good
 * signatures are compared.
 *
 * @param name of the engine
 * @param make makes a provider with default limits; called once for each case, with `os.tmpdir()` an empty folder that
 * is removed afterwards. If the provider is `AsyncDisposable` or `Disposable`, it is disposed after the case
 * @param options.skip cases it is known not to pass, by title, each with its reason
 */
export function describeCryptoProvider(
  name: string,
  make: () => CryptoProvider | Promise<CryptoProvider>,
  options: SuiteOptions = {},
): void {
  const cases = cryptoProviderCases.map((one) => ({ ...one, run: ({ provider }: Subject) => one.run(provider) }))
  describeCases(
    `CryptoProvider: ${name}`,
    cases,
    () => cryptoSubject(make),
    options,
    (made) => made.dispose(),
  )
}

/** What a case runs on. */
interface Subject {
  readonly provider: CryptoProvider
  dispose(): Promise<void>
}

/** A provider for one case, made in a temporary folder of its own; both are gone when it is disposed. */
export async function cryptoSubject(make: () => CryptoProvider | Promise<CryptoProvider>): Promise<Subject> {
  const place = temporaryPlace()
  const leave = () => place?.[Symbol.dispose]()
  try {
    const provider: CryptoProvider & Partial<AsyncDisposable & Disposable> = await make()
    return {
      provider,
      async dispose() {
        try {
          await provider[Symbol.asyncDispose]?.()
          provider[Symbol.dispose]?.()
        } finally {
          leave()
        }
      },
    }
  } catch (error) {
    leave()
    throw error
  }
}
