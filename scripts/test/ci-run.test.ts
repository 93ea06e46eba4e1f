import { spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const script = fileURLToPath(new URL("../../.ci/run", import.meta.url))

interface Said {
  readonly text: string
  readonly code: number
}

/** Runs `.ci/run` with an `npm` that says these things. */
function ciRun(testRun: Said, checkRun: Said): { readonly lines: string[]; readonly code: number | null } {
  const folder = mkdtempSync(join(tmpdir(), "aurochs-ci-"))
  const branch = ({ text, code }: Said): string => `cat <<'SAID'\n${text}\nSAID\nexit ${code}\n`
  const npm = `#!/bin/sh\nif [ "$1" = test ]; then\n${branch(testRun)}else\n${branch(checkRun)}fi\n`
  writeFileSync(join(folder, "npm"), npm)
  chmodSync(join(folder, "npm"), 0o755)
  const run = spawnSync(script, [], {
    encoding: "utf8",
    input: "",
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
  })
  rmSync(folder, { recursive: true })
  return { lines: run.stdout.trimEnd().split("\n"), code: run.status }
}

const goodTests: Said = { text: "…\n7 passed, 0 failed", code: 0 }
const goodChecks: Said = { text: "…\nall 8 checks passed", code: 0 }

test("all good: the counts of npm test, exit code 0", () => {
  const { lines, code } = ciRun(goodTests, goodChecks)
  expect([lines.at(-2), lines.at(-1), code]).toEqual(["nothing was skipped", "7 passed, 0 failed", 0])
})

test("what was skipped is listed again before the last line", () => {
  const text = "…\nskipped (1):\n  - reads the card: no card reader\n\u001b[1m7 passed, 0 failed\u001b[0m"
  const { lines } = ciRun({ text, code: 0 }, goodChecks)
  expect(lines.slice(-3)).toEqual(["skipped (1):", "  - reads the card: no card reader", "7 passed, 0 failed"])
})

const failures: readonly { readonly what: string; readonly test: Said; readonly check: Said; readonly last: string }[] =
  [
    {
      what: "a failed test",
      test: { text: "6 passed, 1 failed", code: 1 },
      check: goodChecks,
      last: "6 passed, 1 failed",
    },
    {
      what: "a good count with a bad exit code",
      test: { ...goodTests, code: 1 },
      check: goodChecks,
      last: "7 passed, 1 failed",
    },
    {
      what: "a crash before the first test",
      test: { text: "boom", code: 1 },
      check: goodChecks,
      last: "0 passed, 1 failed",
    },
    {
      what: "a run of no test",
      test: { text: "0 passed, 0 failed", code: 0 },
      check: goodChecks,
      last: "0 passed, 1 failed",
    },
    {
      what: "two failed checks",
      test: goodTests,
      check: { text: "2 of 8 checks failed: a; b", code: 1 },
      last: "7 passed, 2 failed",
    },
    { what: "a crashed check", test: goodTests, check: { text: "boom", code: 1 }, last: "7 passed, 1 failed" },
    { what: "checks without a result", test: goodTests, check: { text: "…", code: 0 }, last: "7 passed, 1 failed" },
  ]

test.each(failures)("$what is a failure and exit code 1", ({ test: testRun, check, last }) => {
  const { lines, code } = ciRun(testRun, check)
  expect([lines.at(-1), code]).toEqual([last, 1])
})
