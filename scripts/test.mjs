// `npm test`: every project of vitest.config.ts. Arguments are passed on to vitest.
import { join } from "node:path"
import { become, root } from "./lib.mjs"

const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
become(process.execPath, [vitest, "run", ...process.argv.slice(2)], { cwd: root })
