import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "keys", include: ["test/**/*.test.ts"], isolate: false },
})
