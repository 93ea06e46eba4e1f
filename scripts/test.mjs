// `npm test`: every project of vitest.config.ts. Arguments are passed on to vitest.
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { become, root } from "./lib.mjs"

const args = process.argv.slice(2)
const defaults = {
  // Two more than there are processors: many tests wait for servers, programs and clocks. Vitest would leave one idle.
  "--maxWorkers": availableParallelism() + 2,
  // A test that hangs is to be found; a machine that is busy is no reason to fail.
  "--testTimeout": 60_000,
}
const added = Object.entries(defaults)
  .filter(([name]) => !args.some((arg) => arg.startsWith(name)))
  .map(([name, value]) => `${name}=${value}`)
const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
become(process.execPath, [vitest, "run", ...added, ...args], { cwd: root })
