import { BaseSequencer, type TestSpecification } from "vitest/node"

/** The test files that take longest, mostly waiting for clocks, servers and programs; the longest first. */
const waiting: readonly string[] = [
  "e2e/waiting.test.ts",
  "packages/crypto-sop/test/conformance.test.ts",
  "packages/crypto-gnupg/test/conformance.test.ts",
  "scripts/test/write-a-provider.test.ts",
  "e2e/browser.test.ts",
  "e2e/start.test.ts",
  "packages/crypto-openpgpjs/test/planted.test.ts",
  "e2e/cli.test.ts",
  "e2e/packed.test.ts",
  "e2e/gnupg-newer.test.ts",
  "e2e/keys/cli-life.test.ts",
  "apps/cli/test/life.test.ts",
  "e2e/keys/cli.test.ts",
  "e2e/keys/notify-keys.test.ts",
  "e2e/notify.test.ts",
  "e2e/keys/ejabberd.test.ts",
  "e2e/backends/command-line.test.ts",
  "e2e/differential.test.ts",
  "e2e/alertmanager.test.ts",
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
