import { readFile } from "node:fs/promises"
import { expect, test } from "vitest"

test("the README's echo bot is apps/echo-bot, line by line, and short", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8")
  const main = await readFile(new URL("../../../apps/echo-bot/src/main.ts", import.meta.url), "utf8")
  const shown = main.replace("#!/usr/bin/env node\n", "")
  expect(readme).toContain(`\`\`\`ts\n${shown}\`\`\``)
  const statements = shown.split("\n").filter((line) => line !== "" && !line.startsWith("import"))
  expect(statements.length).toBeLessThanOrEqual(12)
})
