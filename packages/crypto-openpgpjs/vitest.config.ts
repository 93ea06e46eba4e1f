import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "crypto-openpgpjs", include: ["test/**/*.test.ts"] },
})
