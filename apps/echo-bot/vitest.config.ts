import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "echo-bot", include: ["test/**/*.test.ts"] },
})
