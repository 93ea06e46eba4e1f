import { AurochsError, type AurochsErrorCode, isAurochsError } from "@aurochs/core"
import type { CryptoProvider, Opened, SignatureVerdict } from "@aurochs/crypto"

/** A provider that is wrong in one way, as providers have been or would be. */
export interface Planted {
  /** What it does wrong, as a sentence about "it". */
  readonly how: string
  /** Titles of the cases that must fail with it. */
  readonly caught: readonly string[]
  /** What is wrong, over a provider that is right. */
  plant(good: CryptoProvider): Partial<CryptoProvider>
}

type Plant = Planted["plant"]

/** A verdict that nothing stands behind. */
export const bogus: SignatureVerdict = { kind: "valid", certificate: "A".repeat(40), signedAt: new Date(0) }

/** Changes what `open` and `openWithSessionKey` answer. */
export function opens(change: (opened: Opened) => Opened | Promise<Opened>): Plant {
  return (good) => ({
    open: async (message, options) => change(await good.open(message, options)),
    openWithSessionKey: async (message, options) => {
      if (good.openWithSessionKey === undefined) throw new Error("the provider underneath has none")
      return change(await good.openWithSessionKey(message, options))
    },
  })
}

/** Changes each verdict. */
export function judges(change: (verdict: SignatureVerdict) => SignatureVerdict): Plant {
  return opens((opened) => ({ ...opened, signatures: opened.signatures.map(change) }))
}

type Call = <T>(run: () => Promise<T>, options: Options) => Promise<T>

interface Options {
  readonly signal?: AbortSignal | undefined
}

/** Wraps every method, those of `lifecycle` and `secrets` too; `around` may change the options first. */
export function every(
  good: CryptoProvider,
  around: Call,
  change = (options: Options): Options => options,
): CryptoProvider {
  const wrap = <P extends object>(part: P): P =>
    Object.fromEntries(
      Object.entries(part).map(([name, value]) => {
        if (typeof value !== "function") return [name, typeof value === "object" ? wrap(value) : value]
        return [
          name,
          (...args: unknown[]) => {
            const last = args.at(-1)
            const has = args.length > 1 && isOptions(last)
            const given = has ? [...args.slice(0, -1), change(last)] : args
            return around(() => value(...given), has ? last : {})
          },
        ]
      }),
    ) as P
  return wrap(good)
}

function isOptions(value: unknown): value is Options {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array)
}

/** Answers with `instead` where the call fails with this code. */
export async function unless<T>(
  call: Promise<T>,
  code: AurochsErrorCode,
  instead: (error: AurochsError) => T | Promise<T>,
): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!isAurochsError(error, code)) throw error
    return instead(error as AurochsError)
  }
}

export function backend(): AurochsError<"BACKEND"> {
  return new AurochsError("BACKEND", "exit code 99", { backend: "planted", exitCode: 99 })
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
