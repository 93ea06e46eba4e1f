import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Family, families, type Requirement } from "../requirements.ts"
import { type Titled, testTitles } from "./titles.ts"

/** Where the page lies, from the root. */
export const pageFile = "docs/conformance.md"

/** The ids that stand in a text, each once. */
export function idsIn(text: string): string[] {
  return [...new Set(text.match(/(?<![\w-])[RIAX]\d{1,2}(?!\w)/g) ?? [])]
}

/** What is wrong with the tests' titles or with the page as it lies there; nothing is good. */
export function conformanceFaults(root: string): string[] {
  const tests = testTitles(root)
  const text = existsSync(join(root, pageFile)) ? readFileSync(join(root, pageFile), "utf8") : ""
  const stale = text === page(tests) ? [] : [`${pageFile} is not what the tests' titles say: npm run conformance`]
  return [...unknownIds(tests), ...stale]
}

/** Ids in titles that no table has. */
export function unknownIds(tests: readonly Titled[]): string[] {
  const known = new Set(families.flatMap(({ items }) => items.map(([id]) => id)))
  return tests.flatMap(({ file, title }) =>
    idsIn(title)
      .filter((id) => !known.has(id))
      .map((id) => `${file}: there is no ${id} in scripts/requirements.ts (${title})`),
  )
}

/** docs/conformance.md for these tests. */
export function page(tests: readonly Titled[]): string {
  const byId = new Map<string, Titled[]>()
  for (const test of tests) for (const id of idsIn(test.title)) byId.set(id, [...(byId.get(id) ?? []), test])
  return `${[
    "# What the tests show",
    "",
    "Made by `npm run conformance` from the titles of all tests; `npm run check` fails if it is out of date. Do not edit.",
    "",
    "A requirement counts for a test if its id stands in the test's title or in that of a suite around it. Tests are",
    "counted as the source has them: one for each row of a table that is written there, one for a title in a loop. A case",
    "of `packages/conformance` counts once, though each adapter runs it. That a test stands here says that there is one,",
    "not that nothing else could go wrong.",
    "",
    ...summary(byId),
    ...families.flatMap((family) => ["", `## ${family.title}`, "", ...table(family, byId)]),
  ].join("\n")}\n`
}

type ById = ReadonlyMap<string, readonly Titled[]>

function summary(byId: ById): string[] {
  const rows = families.map(({ letter, items }) => {
    const open = items.map(([id]) => id).filter((id) => !byId.has(id))
    const range = `${letter}1–${letter}${items.length}`
    return `| ${range} | ${items.length} | ${items.length - open.length} | ${open.length} | ${open.join(", ") || "none"} |`
  })
  return ["| ids | all | with tests | without | no test yet |", "|---|---|---|---|---|", ...rows]
}

function table({ section, items }: Family, byId: ById): string[] {
  const levels = items.some(([, , level]) => level !== "")
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`
  const cells = ([id, where, level, text]: Requirement, count: string, files: string): string[] => [
    id,
    where,
    ...(levels ? [level] : []),
    text,
    count,
    files,
  ]
  const head = cells(["id", section, "level", "summary"], "tests", "files")
  const rows = items.map(([id, where, level, text]) => {
    const tests = byId.get(id) ?? []
    return cells([id, where, level, markdown(text)], String(tests.length), fileCell(tests))
  })
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)]
}

function fileCell(tests: readonly Titled[]): string {
  if (tests.length === 0) return "**no test yet**"
  const counts = new Map<string, number>()
  for (const { file } of tests) counts.set(file, (counts.get(file) ?? 0) + 1)
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, n]) => `[${file}](../${file})${n === 1 ? "" : ` × ${n}`}`)
    .join("<br>")
}

/** Element names as code, so that they are not taken for HTML. */
function markdown(text: string): string {
  return text.replaceAll(/<[^<>]+>/g, "`$&`")
}
