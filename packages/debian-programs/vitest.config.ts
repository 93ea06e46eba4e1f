import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "debian-programs", include: ["test/**/*.test.ts"] },
})
