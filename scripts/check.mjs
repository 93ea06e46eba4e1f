// `npm run check`: everything that needs no running program. Each check is one line; a failed one shows what its tool
// said. All run, so that one pass shows everything that is wrong. `npm run check -- layers` runs those whose name has
// that word in it.
import { fileURLToPath } from "node:url"
import { checks } from "./check/checks.ts"

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "")
const words = process.argv.slice(2)
const chosen = checks.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
if (chosen.length === 0) {
  console.error(`no such check; there are:\n${checks.map(({ name }) => `  ${name}`).join("\n")}`)
  process.exit(1)
}
const failed = []
for (const { name, run } of chosen) {
  const start = performance.now()
  const result = await run(root).catch((error) => ({ ok: false, output: String(error?.stack ?? error) }))
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${result.ok ? "ok    " : "FAILED"} ${name} (${seconds} s)`)
  if (!result.ok) failed.push(name)
  if (!result.ok || result.show) console.log(result.output.trimEnd().replaceAll(/^/gm, "       "))
}
if (failed.length > 0) console.log(`${failed.length} of ${chosen.length} checks failed: ${failed.join("; ")}`)
else console.log(`all ${chosen.length} checks passed`)
process.exit(failed.length > 0 ? 1 : 0)
