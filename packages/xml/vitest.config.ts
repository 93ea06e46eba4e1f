import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "xml", include: ["test/**/*.test.ts"], isolate: false },
})
