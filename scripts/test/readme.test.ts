import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { packageFolders } from "../check/dependencies.ts"
import { publishable } from "../check/files.ts"
import { layers } from "../layers.ts"

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")
const read = (file: string): string => readFileSync(join(root, file), "utf8")
const readme = read("README.md")

/** The fenced blocks of a language, as they stand. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? "")
}

test("the bot of the README is apps/echo-bot, which is built, checked and run by the end-to-end tests", () => {
  expect(blocks(readme, "ts")[0]).toBe(read("apps/echo-bot/src/main.ts").replace(/^#!.*\n/, ""))
})

test("the bot of the README is about a dozen lines", () => {
  const lines = (blocks(readme, "ts")[0] ?? "").split("\n").filter((line) => line.trim() !== "")
  expect(lines.length).toBeLessThanOrEqual(20)
})

test("the table of packages names each published package and each program, and nothing else", () => {
  const rows = [...readme.matchAll(/^\| \[`([^`]+)`\]\(([^)]+)\) \|/gm)]
  const named = rows.map((match) => match[2]).sort()
  const apps = packageFolders(root).filter((folder) => folder.startsWith("apps/"))
  expect(named).toEqual([...apps, ...publishable(root).map(({ folder }) => folder)].sort())
})

test("the picture and the table of the layers show what scripts/layers.ts says", () => {
  const picture = blocks(readme, "mermaid")[0] ?? ""
  const drawn = [...picture.matchAll(/subgraph L(\d)\[" "\]\n([\s\S]*?)\n {2}end/g)]
    .filter((match) => Number(match[1]) < layers.length)
    .map((match) => [Number(match[1]), (match[2] ?? "").split("\n").map((line) => line.trim())] as const)
  expect(Object.fromEntries(drawn)).toEqual(Object.fromEntries(layers.map((row, level) => [level, row])))
  for (const [level, row] of layers.entries()) {
    const names = row.map((name) => `\`${name}\``).join(", ")
    expect(read("docs/architecture.md")).toContain(`| ${level} | ${names} |`)
  }
})

test.each([
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "docs/architecture.md",
  "docs/security-model.md",
  "docs/write-a-provider.md",
])("%s links only to what is there", (file) => {
  const targets = [...read(file).matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map((match) => match[1] ?? "")
  const folder = join(root, file, "..")
  expect(targets.filter((target) => !existsSync(join(folder, target)))).toEqual([])
})

test("each command that the documents name is a script of package.json", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }
  const documents = ["README.md", "CONTRIBUTING.md", "docs/architecture.md"].map(read).join("\n")
  const named = [...documents.matchAll(/npm run (?:--silent )?([a-z][\w:-]*)/g)].map((match) => match[1] ?? "")
  expect([...new Set(named)].filter((name) => scripts[name] === undefined)).toEqual([])
})
