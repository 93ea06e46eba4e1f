import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describeMachine, type Machine } from "./machine.ts"
import { plot } from "./plot.ts"
import { markdownTable } from "./table.ts"
import type { BenchModule, Row } from "./types.ts"

/** What one run of one bench gave. The page is drawn from these, so that a single bench can be run again. */
export interface Measured {
  readonly bench: string
  readonly at: string
  readonly commit: string
  readonly machine: Machine
  readonly rounds: number
  readonly sliceMs: number
  readonly rows: readonly Row[]
  readonly skipped: readonly { readonly side: string; readonly because: string }[]
}

const FOLDER = "docs/performance"
const DATA = `${FOLDER}/measured.json`

/** Puts what was measured into `docs/performance/measured.json` and draws `docs/performance.md` and its plots anew. */
export function writePage(root: string, modules: readonly BenchModule[], fresh: readonly Measured[]): void {
  mkdirSync(join(root, FOLDER), { recursive: true })
  const all = modules.flatMap(({ bench }) => {
    const measured = fresh.find((one) => one.bench === bench) ?? kept(root).find((one) => one.bench === bench)
    return measured === undefined ? [] : [measured]
  })
  writeFileSync(join(root, DATA), `${JSON.stringify(all, null, 1)}\n`)
  for (const module of modules.filter((one) => one.plot)) {
    const svg = plot(all.find(({ bench }) => bench === module.bench)?.rows ?? [], module)
    if (svg !== undefined) writeFileSync(join(root, FOLDER, `${module.bench}.svg`), svg)
  }
  writeFileSync(join(root, "docs/performance.md"), page(modules, all))
}

function kept(root: string): readonly Measured[] {
  try {
    return JSON.parse(readFileSync(join(root, DATA), "utf8")) as readonly Measured[]
  } catch {
    return []
  }
}

/** The whole page, as Markdown. */
export function page(modules: readonly BenchModule[], all: readonly Measured[]): string {
  const sections = modules.flatMap((module) => {
    const measured = all.find(({ bench }) => bench === module.bench)
    return measured === undefined ? [] : [section(module, measured)]
  })
  return `${HEADER}\n${sections.join("\n")}`
}

const HEADER = `<!-- Made by \`npm run bench\`. Do not edit: the numbers come from a run. -->
# Performance

Every number on this page was measured by \`npm run bench\`; \`docs/performance/measured.json\` holds them all.

- **Ratios count, absolute numbers say little.** The sides of a bench take turns within each round, so a machine that is
  busy with other things slows all of them down alike. Operations per second say what this machine did at that moment.
- Where sides take turns, what runs for the first time runs for three seconds before it is measured: a bot that has just
  started is slower.
- *Ratio* is the median over the paired rounds of the speed of a side over that of the side it is held against;
  *interval* is the 95 % interval of that median. A goal counts as reached where the interval reaches it. A bound on a
  number (≥, ≤) holds or does not, on this machine at that moment.
- \`npm run bench -- --compare COMMIT\` holds the working tree against another commit.
`

function section(module: BenchModule, measured: Measured): string {
  const { rows, skipped, machine, at, commit, rounds, sliceMs } = measured
  const picture = module.plot ? `![${module.title}](performance/${module.bench}.svg)\n\n` : ""
  const left = skipped.map(({ side, because }) => `- Not measured: ${side}, because ${because}`)
  const table = rows.length === 0 ? "" : `${markdownTable(rows, module.nMeans, module.opsMean)}\n\n`
  return `## ${module.title}
\`npm run bench -- ${module.bench}\`. ${module.about}

${picture}${table}${left.length > 0 ? `${left.join("\n")}\n\n` : ""}Measured ${at.slice(0, 10)} at commit ${commit}, ${rounds} rounds of ${sliceMs} ms for each side: ${describeMachine(machine)}.
`
}
