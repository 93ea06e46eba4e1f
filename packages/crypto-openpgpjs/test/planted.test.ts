import { cryptoProviderCases, runCase } from "@aurochs/conformance"
import { isAurochsError } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { describe, expect, it } from "vitest"
import { openpgpjs } from "../src/index.ts"
import { planted } from "./planted/all.ts"
import { holding } from "./planted/secrets.ts"

// The suite must catch engines that are wrong in the ways engines have been wrong: each case at least one of them.

function caseOf(title: string): (typeof cryptoProviderCases)[number] {
  const found = cryptoProviderCases.find((one) => one.title === title)
  if (found === undefined) throw new Error(`there is no case with the title "${title}"`)
  return found
}

const mistakes = [TypeError, ReferenceError, RangeError, SyntaxError]

/** Did the case notice what is wrong? Not if the plant, or the case itself, only fell over. */
function noticed(error: unknown): boolean {
  if (isAurochsError(error)) return true
  if (!(error instanceof Error) || error.name !== "AssertionError") return false
  return !mistakes.some((mistake) => error.cause instanceof mistake)
}

describe("the suite", () => {
  it("has no case that every wrong provider passes", () => {
    const caught = new Set(planted.flatMap((one) => one.caught))
    expect(cryptoProviderCases.map(({ title }) => title).filter((title) => !caught.has(title))).toEqual([])
  })

  describe.each(planted)("catches a provider that $how", ({ caught, plant }) => {
    it.each(caught)("%s", { timeout: 60_000 }, async (title) => {
      const good = openpgpjs()
      const wrong: CryptoProvider & Partial<Disposable> = { ...good, ...plant(good) }
      try {
        const result = await runCase(caseOf(title), wrong)
        expect(result.outcome).toBe("failed")
        if (result.outcome === "failed" && !noticed(result.error)) throw result.error
      } finally {
        wrong[Symbol.dispose]?.()
      }
    })
  })

  it("lets an engine pass that holds its keys, with the case that others skip", async () => {
    const good = openpgpjs()
    const { forget: _, ...holds } = holding(good)
    const title = "a key that the engine holds is found again by its fingerprint, also after its handle was disposed"
    expect(await runCase(caseOf(title), { ...good, ...holds })).toEqual({ outcome: "passed" })
    expect((await runCase(caseOf(title), good)).outcome).toBe("skipped")
  })

  it("lets an engine pass that only reports good signatures and leaves out what is optional", {
    timeout: 60_000,
  }, async () => {
    const { lifecycle: _l, secrets: _s, openWithSessionKey: _o, certifiedBy: _c, ...good } = openpgpjs()
    const modest: CryptoProvider = {
      ...good,
      verdicts: "valid-only",
      open: async (message, options) => {
        const opened = await good.open(message, options)
        return { ...opened, signatures: opened.signatures.filter((s) => s.kind === "valid") }
      },
    }
    const outcomes: [string, string][] = []
    for (const one of cryptoProviderCases) outcomes.push([(await runCase(one, modest)).outcome, one.title])
    expect(outcomes.filter(([outcome]) => outcome === "failed")).toEqual([])
    expect(outcomes.filter(([outcome]) => outcome === "skipped").length).toBeGreaterThan(25)
  })
})
