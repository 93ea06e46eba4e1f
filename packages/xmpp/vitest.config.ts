import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "xmpp", include: ["test/**/*.test.ts"] },
})
