import { defineProject } from "vitest/config"

export default defineProject({
  // Each test starts an agent and some processes, on a machine that may be busy with others.
  test: { name: "crypto-gnupg", include: ["test/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 60_000 },
})
