// `npm test`: every project of vitest.config.ts. Arguments are passed on to vitest.
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { become, root } from "./lib.mjs"

const args = process.argv.slice(2)
// One more than there are processors: some of the tests do nothing but wait. Vitest would leave one processor idle.
const workers = args.some((arg) => arg.startsWith("--maxWorkers")) ? [] : [`--maxWorkers=${availableParallelism() + 1}`]
const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
become(process.execPath, [vitest, "run", ...workers, ...args], { cwd: root })
