import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "notify-bot", include: ["test/**/*.test.ts"] },
})
