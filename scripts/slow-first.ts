import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Test files that mostly wait, for clocks, servers and clients; the longest first. */
const waiting: readonly string[] = [
  "e2e/waiting.test.ts",
  "e2e/notify.test.ts",
  "e2e/start.test.ts",
  "e2e/cli-online.test.ts",
  "e2e/alertmanager.test.ts",
  "e2e/cli.test.ts",
]

/**
 * Starts the files that wait first, then the other end-to-end tests, then the rest as vitest orders it: whoever waits
 * leaves the processor to the others meanwhile, and none of them is left over alone at the end.
 */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification): number => {
      const at = waiting.findIndex((name) => file.moduleId.endsWith(`/${name}`))
      if (at >= 0) return at
      return waiting.length + (file.project.name === "e2e" ? 0 : 1)
    }
    const usual = await super.sort(files)
    return usual
      .map((file, i) => ({ file, i }))
      .sort((a, b) => rank(a.file) - rank(b.file) || a.i - b.i)
      .map((one) => one.file)
  }
}
