import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Missing, type Program, programOr } from "@aurochs/debian-programs"
import { describe, expect, test } from "vitest"
import type { InBrowser } from "./browser/reporter.ts"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { run } from "./rig/processes.ts"

// The suites of the packages for browsers, in Chromium: each of their tests is one here. A vitest of its own runs them,
// so that nobody needs a browser who runs another project.

const ROOT = fileURLToPath(new URL("..", import.meta.url))

/** The program, and the environment in which it runs; or why there is none. */
async function chromium(): Promise<Program | Missing> {
  const found = await programOr("chromium", "chromium")
  if (found.missing !== undefined || Object.keys(found.env).length === 0) return found
  // What was unpacked has a start script that looks for the program at its usual place.
  return { ...found, path: join(dirname(found.path), "../lib/chromium/chromium") }
}

async function inBrowser({ path, env }: Program): Promise<readonly InBrowser[]> {
  const folder = await temporaryFolder("browser")
  const results = join(folder, "results.json")
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs")
  const args = [vitest, "run", "--root", ROOT, "--config", join(ROOT, "e2e/browser/vitest.config.ts")]
  const own = { AUROCHS_CHROMIUM: path, AUROCHS_RESULTS: results, NO_COLOR: "1" }
  const { VITEST: _, ...outside } = process.env
  const ran = await run(process.execPath, args, { env: { ...outside, ...env, ...own }, cwd: ROOT, timeoutMs: 240_000 })
  try {
    if (!existsSync(results))
      throw new Error(`vitest ended with ${ran.code} and without results:\n${ran.stdout}${ran.stderr}`)
    return JSON.parse(readFileSync(results, "utf8")) as readonly InBrowser[]
  } finally {
    await removeFolder(folder)
  }
}

const found = await chromium()
const results = found.missing === undefined ? await inBrowser(found) : []

describe("in Chromium", () => {
  for (const { title, state, note } of results) {
    test(title, ({ skip }) => {
      if (state === "skipped") skip(note)
      if (state === "failed") throw new Error(note)
    })
  }

  test("the suite for engines and the tests of each package for browsers ran", ({ skip }) => {
    if (found.missing !== undefined) skip(found.missing)
    const ran = results.filter(({ state }) => state === "passed").map(({ title }) => title)
    const of = (name: string) => ran.filter((title) => title.startsWith(`packages/${name}/`)).length
    for (const name of ["core", "xml", "crypto", "crypto-openpgpjs", "message"])
      expect([name, of(name) > 20]).toEqual([name, true])
    expect(ran.filter((title) => title.includes("CryptoProvider: openpgpjs")).length).toBeGreaterThan(150)
  })
})
