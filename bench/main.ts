// `npm run bench [-- NAME …] [--json] [--quick] [--write] [--compare COMMIT]`
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { benches } from "./benches.ts"
import { compare } from "./kit/compare.ts"
import { commitOf, describeMachine, machine } from "./kit/machine.ts"
import { type Measured, writePage } from "./kit/page.ts"
import { textTable } from "./kit/table.ts"
import type { BenchModule, Row } from "./kit/types.ts"

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "")
const USAGE = `npm run bench [-- NAME …] [options]
  NAME              ${benches.map(({ bench }) => bench).join(", ")}; all by default
  --json            one object per line instead of tables
  --quick           a short run, whose numbers mean little
  --rounds N        paired rounds; 11 by default
  --slice-ms N      milliseconds for each side in each round; 250 by default
  --write           put the numbers into docs/performance.md; a whole run that is not short does so by itself
  --compare COMMIT  ratios of this working tree against another commit; ends with 1 if something became slower`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    "slice-ms": { type: "string" },
    write: { type: "boolean", default: false },
    compare: { type: "string" },
    help: { type: "boolean", default: false },
  },
})

/** A positive whole number from the command line. */
function whole(text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) fail(`${text} is not a positive whole number`)
  return value
}

function fail(message: string): never {
  console.error(`${message}\n\n${USAGE}`)
  process.exit(2)
}

const unknown = positionals.filter((name) => !benches.some(({ bench }) => bench === name))
if (unknown.length > 0) fail(`there is no bench named ${unknown.join(", ")}`)
const chosen = benches.filter(({ bench }) => positionals.length === 0 || positionals.includes(bench))
const { quick, json } = values
const rounds = whole(values.rounds, quick ? 3 : 11)
const sliceMs = whole(values["slice-ms"], quick ? 20 : 250)

async function measure(module: BenchModule): Promise<Measured> {
  const rows: Row[] = []
  const skipped: { side: string; because: string }[] = []
  const started = { at: new Date().toISOString(), machine: machine() }
  const context = {
    quick,
    rounds,
    sliceMs,
    skipped: (side: string, because: string) => {
      if (skipped.some((one) => one.side === side)) return
      skipped.push({ side, because })
      console.error(`not measured: ${module.bench}, ${side}: ${because}`)
    },
    note: (text: string) => console.error(text),
  }
  for await (const row of module.run(context)) {
    rows.push(row)
    if (json) console.log(JSON.stringify(row))
  }
  return { bench: module.bench, ...started, commit: commitOf(root), rounds, sliceMs, rows, skipped }
}

async function measureAll(): Promise<void> {
  console.error(`${describeMachine(machine())}\n`)
  const all: Measured[] = []
  for (const { load } of chosen) {
    const module = await load()
    const measured = await measure(module)
    all.push(measured)
    if (!json && measured.rows.length > 0) console.log(`${module.title}\n${textTable(measured.rows)}\n`)
  }
  if (!values.write && (quick || positionals.length > 0)) return
  writePage(root, await Promise.all(benches.map(({ load }) => load())), all)
  console.error("written: docs/performance.md")
}

if (values.help) console.log(USAGE)
else if (values.compare !== undefined) {
  const names = chosen.map(({ bench }) => bench)
  process.exitCode = await compare({ root, base: values.compare, names, quick, json })
} else await measureAll()
