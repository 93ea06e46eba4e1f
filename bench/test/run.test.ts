import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { benches } from "../benches.ts"

const main = fileURLToPath(new URL("../main.ts", import.meta.url))

/** The command as people run it, but for the build before it. */
function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8" })
}

test("a short run prints a table", () => {
  const { status, stdout } = bench("xml", "--quick")
  expect(status).toBe(0)
  expect(stdout).toMatch(/^bench +n +side +per second +ratio to +ratio/m)
  expect(stdout).toMatch(/^xml +400 +xml +\d+ +ltx +[\d.]+ +[\d.]+ – [\d.]+ +0\.45 /m)
})

test("with --json it prints one object on each line, with every field", () => {
  const { status, stdout } = bench("xml", "--quick", "--json")
  expect(status).toBe(0)
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(rows.map(({ side }) => side)).toEqual(expect.arrayContaining(["ltx", "xml", "xml+codec"]))
  for (const row of rows) {
    expect(row).toMatchObject({ bench: "xml", n: 400, side: expect.any(String), ratioTo: expect.any(String) })
    for (const field of ["opsPerSecond", "ratio", "low", "high", "rounds"]) {
      expect(row[field], `${field} of ${row.side}`).toBeGreaterThan(0)
    }
    expect(row.low).toBeLessThanOrEqual(row.ratio as number)
    expect(row.high).toBeGreaterThanOrEqual(row.ratio as number)
  }
  const pairs = rows.map(({ side, ratioTo }) => `${side} / ${ratioTo}`)
  expect(new Set(pairs).size).toBe(pairs.length)
})

test("what it does not know it refuses, and says what there is", () => {
  for (const args of [["xlm"], ["--rounds", "0"]]) {
    const { status, stderr } = bench(...args)
    expect(status).toBe(2)
    expect(stderr).toContain("npm run bench")
  }
})

test("each bench is listed under its own name, and says what it is", async () => {
  const names = benches.map(({ bench: name }) => name)
  expect(new Set(names).size).toBe(names.length)
  const modules = await Promise.all(benches.map(({ load }) => load()))
  expect(modules.map(({ bench: name }) => name)).toEqual(names)
  for (const { title, about, nMeans, opsMean } of modules) expect([title, about, nMeans, opsMean]).not.toContain("")
})
