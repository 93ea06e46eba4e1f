// Writes docs/conformance.md from the titles of the tests; with `--check` it only says whether that page is right.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { conformanceFaults, page, pageFile, unknownIds } from "./conformance/page.ts"
import { testTitles } from "./conformance/titles.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const words = process.argv.slice(2)
if (words.some((word) => word !== "--check")) {
  console.error("usage: npm run conformance [-- --check]")
  process.exit(2)
}
const tests = testTitles(root)
const check = words.includes("--check")
if (!check) writeFileSync(join(root, pageFile), page(tests))
const faults = check ? conformanceFaults(root) : unknownIds(tests)
for (const fault of faults) console.error(fault)
if (faults.length === 0) console.log(`${pageFile}: ${tests.length} tests${check ? ", up to date" : ""}`)
process.exit(faults.length === 0 ? 0 : 1)
