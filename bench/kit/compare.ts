import { spawn } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "./stats.ts"
import type { Row } from "./types.ts"

/** What {@link compare} needs. */
export interface CompareOptions {
  /** The repository's root. */
  readonly root: string
  /** A commit, branch or tag. */
  readonly base: string
  /** Names of benches. */
  readonly names: readonly string[]
  readonly quick: boolean
  readonly json: boolean
}

/** One row here over the same row there. */
export interface Change {
  readonly bench: string
  readonly side: string
  readonly n: number
  /** Speed here over speed there: median over the pairs of runs. */
  readonly speed: number
  readonly ratioTo: string
  /** The same of the ratio to another side: what the machine did meanwhile cancels out. */
  readonly ratio: number
  readonly low: number
  readonly high: number
}

/** What one run here and one run there measured. */
interface RunPair {
  readonly here: readonly Row[]
  readonly there: readonly Row[]
}

/** Slower than this in every pair of runs is a regression. */
const TOLERATED = 0.9

/**
 * Runs the same benches, those of the working tree, on its packages and on those of another commit, in turns, and
 * prints the ratios.
 *
 * @returns exit code: 1 if a ratio fell below 0.9 of what it was in every pair of runs, a row of the other commit is not
 * measured here, or there is nothing to compare
 */
export async function compare(options: CompareOptions): Promise<number> {
  const { root, names, quick, json } = options
  const folder = mkdtempSync(join(tmpdir(), "aurochs-bench-"))
  try {
    await prepare(folder, options)
    const pairs: RunPair[] = []
    for (let pair = 0; pair < (quick ? 1 : 5); pair++) {
      console.error(`pair of runs ${pair + 1} …`)
      const first = await rowsOf(pair % 2 === 0 ? root : folder, names)
      const second = await rowsOf(pair % 2 === 0 ? folder : root, names)
      pairs.push(pair % 2 === 0 ? { here: first, there: second } : { here: second, there: first })
    }
    const changes = changesOf(pairs)
    for (const change of changes) console.log(json ? JSON.stringify(change) : line(change))
    const worse = changes.filter(isWorse)
    if (changes.length === 0) console.error("nothing could be compared")
    const lost = lostRows(pairs)
    for (const name of lost) console.error(`not measured here: ${name}`)
    if (!json) console.log(`${changes.length} rows, ${worse.length} slower than ${options.base}, ${lost.length} lost`)
    return changes.length === 0 || worse.length + lost.length > 0 ? 1 : 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Held against another side where there is one; a yardstick alone says only how busy the machine was. */
export function isWorse({ side, ratioTo, high }: Change): boolean {
  return side !== ratioTo && high < TOLERATED
}

/** Rows that the other commit has and this tree has not, be it that a bench failed here or that an engine was not there. */
export function lostRows(pairs: readonly RunPair[]): string[] {
  const lost = pairs.flatMap(({ here, there }) => {
    const measured = new Set(here.map(keyOf))
    return there.filter((row) => !measured.has(keyOf(row)))
  })
  return [...new Set(lost.map(({ bench, n, side, ratioTo }) => `${bench} ${n} ${side} (${ratioTo})`))]
}

function keyOf({ bench, side, n, ratioTo }: Row): string {
  return JSON.stringify([bench, side, n, ratioTo])
}

/** What changed between the runs of each pair, for rows that are in all of them. */
export function changesOf(pairs: readonly RunPair[]): Change[] {
  const found = new Map<string, { row: Row; speeds: number[]; ratios: number[] }>()
  for (const { here, there } of pairs) {
    const before = new Map(there.map((row) => [keyOf(row), row]))
    for (const row of here) {
      const other = before.get(keyOf(row))
      if (other === undefined) continue
      const entry = found.get(keyOf(row)) ?? { row, speeds: [], ratios: [] }
      entry.speeds.push(row.opsPerSecond / other.opsPerSecond)
      entry.ratios.push(row.ratio / other.ratio)
      found.set(keyOf(row), entry)
    }
  }
  return [...found.values()].map(({ row: { bench, side, n, ratioTo }, speeds, ratios }) => ({
    bench,
    side,
    n,
    speed: median(speeds),
    ratioTo,
    ratio: median(ratios),
    low: Math.min(...ratios),
    high: Math.max(...ratios),
  }))
}

function line(change: Change): string {
  const { bench, side, n, speed, ratioTo, ratio, low, high } = change
  const name = `${bench} ${n} ${side}`.padEnd(36)
  if (side === ratioTo) return `${name} speed × ${speed.toFixed(2)}`
  const interval = `(${low.toFixed(2)} – ${high.toFixed(2)})`
  return `${name} speed × ${speed.toFixed(2)}   ratio to ${ratioTo} × ${ratio.toFixed(2)} ${interval}${isWorse(change) ? "  SLOWER" : ""}`
}

/** The other commit with the benches of this tree on top, built. */
async function prepare(folder: string, { root, base }: CompareOptions): Promise<void> {
  console.error(`building ${base} …`)
  await run("git", ["clone", "--quiet", "--shared", "--no-checkout", root, folder], root)
  const commit = (await run("git", ["rev-parse", "--verify", `${base}^{commit}`], root)).trim()
  await run("git", ["checkout", "--quiet", "--detach", commit], folder)
  for (const name of ["bench", "e2e"]) {
    rmSync(join(folder, name), { recursive: true, force: true })
    const withoutModules = (file: string) => !file.includes("node_modules")
    cpSync(join(root, name), join(folder, name), { recursive: true, filter: withoutModules })
    dropMissing(join(folder, name, "package.json"), folder)
  }
  const install = ["install", "--prefer-offline", "--no-frozen-lockfile", "--reporter=silent"]
  await run("npx", ["--yes", "pnpm@10.34.9", ...install], folder)
  await run("npm", ["run", "-s", "build"], folder)
}

/** Packages that the other commit did not have yet: their benches are skipped there. */
function dropMissing(file: string, folder: string): void {
  const manifest = JSON.parse(readFileSync(file, "utf8")) as { dependencies: Record<string, string> }
  const present = new Set(
    readdirSync(join(folder, "packages"))
      .map((name) => join(folder, "packages", name, "package.json"))
      .filter((path) => existsSync(path))
      .map((path) => (JSON.parse(readFileSync(path, "utf8")) as { name: string }).name),
  )
  const kept = Object.entries(manifest.dependencies).filter(
    ([name]) => !name.startsWith("@aurochs/") || present.has(name),
  )
  writeFileSync(file, JSON.stringify({ ...manifest, dependencies: Object.fromEntries(kept) }))
}

/** A bench that cannot run has no rows: there it may need what was not there yet, here its rows are missed. */
async function rowsOf(folder: string, names: readonly string[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const name of names) {
    const args = ["bench/main.ts", name, "--json", "--rounds", "5", "--slice-ms", "60"]
    const printed = await run(process.execPath, args, folder).catch((error: unknown) => {
      console.error(`${name}: ${error instanceof Error ? error.message.split("\n")[0] : error}`)
      return ""
    })
    const lines = printed.split("\n").filter((text) => text.startsWith("{"))
    rows.push(...lines.map((text) => JSON.parse(text) as Row))
  }
  return rows
}

/** Runs a program to its end and answers with what it printed. */
function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, CI: "true" },
    })
    let printed = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text
    })
    child.on("error", reject)
    child.on("close", (code) => {
      if (code === 0) resolve(printed)
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code}\n${printed.slice(-2000)}`))
    })
  })
}
