import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { type Case, cryptoProviderCases, runCase, unsupported } from "../src/index.ts"

describe("runCase", () => {
  const one = (run: Case<number>["run"]): Case<number> => ({ title: "a case", run })

  it("passes, fails with the error, or skips with the reason", async () => {
    expect(
      await runCase(
        one(async () => {}),
        1,
      ),
    ).toEqual({ outcome: "passed" })
    const error = new Error("no")
    expect(
      await runCase(
        one(() => Promise.reject(error)),
        1,
      ),
    ).toEqual({ outcome: "failed", error })
    const skipped = await runCase(
      one(async () => unsupported("a card keeps its keys")),
      1,
    )
    expect(skipped).toEqual({ outcome: "skipped", reason: "a card keeps its keys" })
  })

  it("hands the subject on", async () => {
    const seen: number[] = []
    await runCase(
      one(async (subject) => {
        seen.push(subject)
      }),
      42,
    )
    expect(seen).toEqual([42])
  })
})

describe("titles", () => {
  it("are unique within the crypto suite, so that a skip names exactly one case", () => {
    const titles = cryptoProviderCases.map((one) => one.title)
    expect(new Set(titles).size).toBe(titles.length)
    expect(titles.length).toBeGreaterThanOrEqual(175)
  })

  it("are as many as the README says", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
    expect(readme).toContain(`\`describeCryptoProvider\` has ${cryptoProviderCases.length} cases`)
  })
})
