import { defineConfig } from "vitest/config"
import { SlowFirst } from "./scripts/slow-first.ts"

export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "e2e", "bench", "scripts"],
    reporters: ["default", "./scripts/secrets-reporter.ts", "./scripts/summary-reporter.ts"],
    sequence: { sequencer: SlowFirst },
  },
})
