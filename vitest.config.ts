import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "e2e", "scripts"],
    reporters: ["default", "./scripts/summary-reporter.ts"],
  },
})
