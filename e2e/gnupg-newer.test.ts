import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { programsOfRelease } from "@aurochs/debian-programs"
import { expect, it } from "vitest"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { run } from "./rig/processes.ts"

const ROOT = fileURLToPath(new URL("..", import.meta.url))
const PACKAGES = { gpg: "gpg", "gpg-agent": "gpg-agent", "gpg-connect-agent": "gpgconf", gpgconf: "gpgconf" }

interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** The suite takes longer than all else: `npm run backends` runs it on both. */
const withSuite = process.env.AUROCHS_ALL_BACKENDS === "1"

// The programs of the other release are put in the place of those that are installed, and the package's tests are run
// again: passphrases, cards, aborted calls, and the suite.
it("GnuPG 2.4, of the next release of Debian, passes what GnuPG 2.2 passes", {
  timeout: 400_000,
}, async ({ skip }) => {
  const newer = await programsOfRelease("trixie", PACKAGES).catch((error: Error) => error)
  if (newer instanceof Error) return skip(`GnuPG 2.4 is not here: ${newer.message.split("\n")[0]}`)
  const gpg = newer.path("gpg")
  const version = await run(gpg, ["--version"])
  expect(version.stdout).toMatch(/^gpg \(GnuPG\) 2\.[4-9]/)
  const folder = await temporaryFolder("gnupg-newer")
  try {
    const file = join(folder, "report.json")
    const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs")
    const how = ["--reporter=json", `--outputFile=${file}`, "--testTimeout=60000", "--maxWorkers=2"]
    const env = { ...process.env, GPG: gpg }
    const left = withSuite ? [] : ["--exclude=**/conformance.test.ts"]
    const args = [vitest, "run", "--project", "crypto-gnupg", ...how, ...left]
    const { code, stderr } = await run(process.execPath, args, { cwd: ROOT, env, timeoutMs: 390_000 })
    const report = JSON.parse(await readFile(file, "utf8")) as Report
    const all = report.testResults.flatMap((one) => one.assertionResults)
    const failed = all.filter((one) => one.status === "failed").map((one) => one.fullName)
    expect(failed, stderr).toEqual([])
    expect(code).toBe(0)
    expect(report.numPassedTests).toBeGreaterThan(withSuite ? 200 : 20)
    // What only newer versions have was not left out.
    const newerOnes = report.testResults.find((one) => one.name.endsWith("newer.test.ts"))?.assertionResults ?? []
    expect(newerOnes.map((one) => one.status)).toEqual(["passed", "passed"])
  } finally {
    await removeFolder(folder)
  }
})
