// `npm run bench [-- --json] [-- --ms 1000]`: what sealing and opening a message costs, beside OpenPGP.js alone on the
// same keys and the same text, measured in the same run on the machine at hand.
import { cpus } from "node:os"
import { Bench } from "tinybench"
import { contentCases } from "./cases.ts"
import { type Row, rowsOf, table } from "./report.ts"

const args = process.argv.slice(2)
const timeMs = Number(args[args.indexOf("--ms") + 1]) || 1_000

const rows: Row[] = []
for (const { group, cases } of await contentCases()) {
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4, throws: true })
  for (const { name, run } of cases) bench.add(name, run)
  await bench.run()
  rows.push(...rowsOf(group, bench))
}

const machine = { node: process.version, platform: `${process.platform} ${process.arch}`, cpu: cpus()[0]?.model ?? "" }
if (args.includes("--json")) console.log(JSON.stringify({ ...machine, timeMs, rows }, null, 2))
else console.log(`Node ${machine.node}, ${machine.platform}, ${machine.cpu}; ${timeMs} ms each\n\n${table(rows)}`)
