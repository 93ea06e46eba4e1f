// `npm run e2e -- NAME …`: the end-to-end tests whose file has NAME in its name, against real servers and clients.
// Without a name: lists them. What begins with a dash is passed on to vitest.
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { become, root } from "./lib.mjs"

const args = process.argv.slice(2)
const wanted = args.filter((arg) => !arg.startsWith("-"))
const names = readdirSync(join(root, "e2e"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
  .map((name) => name.replace(/\.test\.ts$/, ""))
  .sort()
const unknown = wanted.filter((word) => !names.some((name) => name.includes(word)))
if (wanted.length === 0 || unknown.length > 0) {
  for (const word of unknown) console.error(`no end-to-end test is called ${word}`)
  console.log(`npm run e2e -- NAME, with one of\n${names.map((name) => `  ${name}`).join("\n")}`)
  process.exit(unknown.length > 0 ? 2 : 0)
}
const files = names.filter((name) => wanted.some((word) => name.includes(word)))
const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
const filters = files.map((name) => join("e2e", `${name}.test.ts`))
become(
  process.execPath,
  [vitest, "run", "--project", "e2e", ...filters, ...args.filter((arg) => arg.startsWith("-"))],
  {
    cwd: root,
  },
)
