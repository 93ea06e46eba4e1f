import { describe, test } from "vitest"

/** Options that every suite takes. */
export interface SuiteOptions {
  /**
   * Cases that this adapter is known not to pass, by title, each with a written reason. They are reported as skipped
   * with that reason, never as passed. A title that no case has fails the suite.
   */
  readonly skip?: Readonly<Record<string, string>> | undefined
}

/** One thing that every adapter must do. */
export interface Case<S> {
  /** Says what holds; requirement and attack ids stand in front or in brackets. Unique within its suite. */
  readonly title: string
  /** Throws if it does not hold. */
  run(subject: S): Promise<void>
  /** Milliseconds; 30,000 by default. */
  readonly timeoutMs?: number | undefined
}

const mark = Symbol.for("aurochs.conformance.unsupported")

/**
 * Ends a case because the port leaves the feature optional and this adapter does not have it: it is reported as
 * skipped, with the reason.
 */
export function unsupported(reason: string): never {
  throw Object.assign(new Error(reason), { [mark]: true })
}

/** What became of one case. */
export type CaseResult =
  | { readonly outcome: "passed" }
  | { readonly outcome: "skipped"; readonly reason: string }
  | { readonly outcome: "failed"; readonly error: unknown }

/** Runs one case outside of a suite: to show that a suite catches a broken adapter. */
export async function runCase<S>(one: Case<S>, subject: S): Promise<CaseResult> {
  try {
    await one.run(subject)
    return { outcome: "passed" }
  } catch (error) {
    return isUnsupported(error) ? { outcome: "skipped", reason: error.message } : { outcome: "failed", error }
  }
}

/**
 * Registers a suite with vitest: each case gets a subject of its own, which is disposed afterwards.
 *
 * @param suite its name, e.g. `CryptoProvider: openpgpjs`
 * @param make makes a fresh subject
 * @param dispose frees it, whatever became of the case
 */
export function describeCases<S>(
  suite: string,
  cases: readonly Case<S>[],
  make: () => S | Promise<S>,
  options: SuiteOptions = {},
  dispose: (subject: S) => void | Promise<void> = () => {},
): void {
  const skip = options.skip ?? {}
  const titles = new Set(cases.map((one) => one.title))
  describe(suite, () => {
    for (const title of Object.keys(skip).filter((one) => !titles.has(one))) {
      test(`skips a case that exists: ${title}`, () => {
        throw new Error(`there is no case with the title "${title}"`)
      })
    }
    for (const one of cases) {
      test(one.title, { timeout: one.timeoutMs ?? 30_000 }, async (context) => {
        const reason = skip[one.title]
        if (reason !== undefined) context.skip(reason)
        const subject = await make()
        try {
          const result = await runCase(one, subject)
          if (result.outcome === "skipped") context.skip(result.reason)
          if (result.outcome === "failed") throw result.error
        } finally {
          await dispose(subject)
        }
      })
    }
  })
}

/** Is this how {@link unsupported} ends a case? */
export function isUnsupported(error: unknown): error is Error {
  return error instanceof Error && (error as { [mark]?: unknown })[mark] === true
}
