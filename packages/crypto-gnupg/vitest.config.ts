import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "crypto-gnupg", include: ["test/**/*.test.ts"] },
})
