// `npm run backends`: runs the suite of engines on each of them, complete, and writes docs/backends.md from what came out.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { startVitest } from "vitest/node"
import { backendsPage, type Engine, type Figures, page } from "./backends/page.ts"
import { collector, noFindings } from "./backends/results.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
// Programs that take long to start are tried with a part of the suite in `npm test`; here with all of it.
process.env.AUROCHS_ALL_BACKENDS = "1"

const findings = noFindings()
const vitest = await startVitest(["test/conformance.test.ts", "test/newer.test.ts", "e2e/backends", "gnupg-newer"], {
  root,
  run: true,
  watch: false,
  project: ["crypto-*", "e2e"],
  reporters: ["default", collector(findings)],
})
await vitest.close()

const listed = spawnSync(process.execPath, [join(root, "apps/cli/dist/main.js"), "backends", "--json"], {
  encoding: "utf8",
})
const engines = listed.stdout
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Engine)
const figuresFile = join(root, "vectors/differential/figures.json")
const figures = existsSync(figuresFile) ? (JSON.parse(readFileSync(figuresFile, "utf8")) as Figures) : undefined
writeFileSync(join(root, backendsPage), page(findings, engines, figures))

const inTables = [findings.cases, findings.pairs, findings.stanzas].flatMap((table) =>
  [...table.values()].flatMap((row) => [...row.values()]),
)
const all = [...inTables, ...findings.others.values()]
const count = (state: string) => all.filter((one) => one.state === state).length
for (const file of findings.broken) console.error(`${file} could not be run`)
console.log(
  `${backendsPage}: ${findings.cases.size} engines; ${count("passed")} passed, ${count("skipped")} skipped with a reason, ${count("failed")} failed`,
)
process.exit(count("failed") + findings.broken.length === 0 && findings.cases.size > 0 ? 0 : 1)
