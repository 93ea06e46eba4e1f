import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "postgres-embedded", include: ["test/**/*.test.ts"], testTimeout: 60_000 },
})
