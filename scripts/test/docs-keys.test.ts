import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Every test, as a text. */
function tests(): string {
  const folders = ["packages", "apps"].flatMap((top) =>
    readdirSync(join(root, top)).map((name) => join(root, top, name, "test")),
  )
  const files = [...folders, join(root, "e2e"), join(root, "packages/conformance/src")].flatMap((folder) => {
    try {
      const all = readdirSync(folder, { recursive: true, encoding: "utf8" })
      return all
        .filter((file) => file.endsWith(".ts") && !file.includes("node_modules"))
        .map((file) => join(folder, file))
    } catch {
      return []
    }
  })
  return files.map((file) => readFileSync(file, "utf8").replaceAll("\\`", "`")).join("\n")
}

test("docs/keys.md: every test that it names is there; … stands for the rest of a title", () => {
  const docs = readFileSync(join(root, "docs/keys.md"), "utf8").replaceAll("\\`", "`")
  const named = [...docs.matchAll(/"([^"\n]{4,}?)"/g)].map((match) => match[1] ?? "")
  expect(named.length).toBeGreaterThan(50)
  const all = tests()
  const inOrder = (title: string) => {
    const parts = title.split("…").map((part) => part.trim().replace(/[,;]$/, ""))
    return parts.every((part) => all.includes(part))
  }
  expect(named.filter((title) => !inOrder(title))).toEqual([])
})

test("docs/keys.md: every file that it names is there", () => {
  const docs = readFileSync(join(root, "docs/keys.md"), "utf8")
  const files = [...docs.matchAll(/`((?:e2e|packages|apps|scripts)\/[\w./-]+\.ts)`/g)].map((match) => match[1] ?? "")
  expect(files.length).toBeGreaterThan(15)
  expect(
    files.filter((file) => readdirSync(join(root, file, "..")).every((name) => !file.endsWith(`/${name}`))),
  ).toEqual([])
})
