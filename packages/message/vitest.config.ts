import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "message", include: ["test/**/*.test.ts"], isolate: false },
})
