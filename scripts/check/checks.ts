import { conformanceFaults } from "../conformance/page.ts"
import { forbiddenImports, tableDrift } from "./dependencies.ts"
import { fileFaults, publishable } from "./files.ts"
import { publishList } from "./publishing.ts"
import { type Ran, runNode, toolFile } from "./run.ts"
import { typeLeaks } from "./type-leaks.ts"

/** One line of `npm run check`. */
export interface Check {
  readonly name: string
  run(root: string): Promise<Ran & { readonly show?: boolean }>
}

const tool =
  (name: string, args: readonly string[], command = name): Check["run"] =>
  (root) =>
    runNode(root, toolFile(root, name, command), args)

/** A list of faults, one on each line; none is good. */
const faults = (found: readonly string[]): Ran => ({ ok: found.length === 0, output: found.join("\n") })

export const checks: readonly Check[] = [
  { name: "types of tests, scripts and benches (tsc)", run: tool("typescript", ["-p", "tsconfig.test.json"], "tsc") },
  { name: "lint and format (biome)", run: tool("@biomejs/biome", ["check", "--error-on-warnings", "."], "biome") },
  {
    name: "layers, siblings, cycles, undeclared dependencies (dependency-cruiser)",
    async run(root) {
      const { violations, modules } = await forbiddenImports(root)
      if (modules === 0) return { ok: false, output: "no module was read" }
      return faults([...tableDrift(root), ...violations.map(({ rule, from, to }) => `${rule}: ${from} → ${to}`)])
    },
  },
  {
    name: "no third-party types in public signatures",
    async run(root) {
      const folders = publishable(root).map(({ folder }) => folder)
      const { leaks, exports } = typeLeaks(root, folders)
      if (exports === 0) return { ok: false, output: "no export was read" }
      return faults(
        leaks.map(({ folder, trail, module, file }) => `${folder}: ${trail.join(" → ")} is from ${module} (${file})`),
      )
    },
  },
  { name: "unused files, exports and dependencies (knip)", run: tool("knip", ["--no-progress"]) },
  {
    name: "each package as published (publint, attw)",
    run: tool("turbo", ["run", "lint:pkg", "--output-logs=errors-only"]),
  },
  {
    name: "what would be published (pnpm publish --dry-run)",
    run: async (root) => ({ ...(await publishList(root)), show: true }),
  },
  { name: "file rules (length, README, LICENSE, changesets, tests)", run: async (root) => faults(fileFaults(root)) },
  { name: "docs/conformance.md as the tests' titles have it", run: async (root) => faults(conformanceFaults(root)) },
]
