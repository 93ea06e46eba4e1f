import { expect, test } from "vitest"
import type { TestCase } from "vitest/node"
import { page } from "../backends/page.ts"
import { collector, noFindings } from "../backends/results.ts"

/** A test as vitest reports it, as far as the collector looks. */
function told(suites: readonly string[], name: string, state: string, note?: string): TestCase {
  const parent = suites.reduce<object>((outer, suite) => ({ type: "suite", name: suite, parent: outer }), {
    type: "module",
  })
  const fullName = [...suites, name].join(" > ")
  return { name, fullName, parent, result: () => ({ state, note }) } as unknown as TestCase
}

test("a test that is in no table is counted, and named where it did not pass", () => {
  const findings = noFindings()
  const { onTestCaseResult } = collector(findings)
  onTestCaseResult?.(told(["CryptoProvider: openssl"], "R3: a case", "passed"))
  onTestCaseResult?.(told([], "sealed by openssl, opened by gnupg", "passed"))
  onTestCaseResult?.(told(["aurochs --backend gnupg open"], "as it came", "passed"))
  expect(findings.others.size).toBe(0)
  onTestCaseResult?.(told(["attacks on openssl"], "A16", "failed"))
  onTestCaseResult?.(told([], "GnuPG 2.4", "skipped", "it is not here"))
  const text = page(findings, [], undefined)
  expect(text).toContain("0 passed, 1 skipped, 1 failed.")
  expect(text).toContain("- attacks on openssl > A16: **failed**")
  expect(text).toContain("- GnuPG 2.4: it is not here")
})
