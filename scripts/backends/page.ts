import type { Findings, Result } from "./results.ts"

/** Where the page lies, from the root. */
export const backendsPage = "docs/backends.md"

/** An engine as `aurochs backends --json` names it. */
export interface Engine {
  readonly name: string
  readonly usable: boolean
  readonly version?: string
  readonly because?: string
}

/** Figures of a differential run, as `vectors/differential/figures.json` keeps them. */
export type Figures = Readonly<Record<string, unknown>>

/** docs/backends.md: every figure from the run. */
export function page(findings: Findings, engines: readonly Engine[], figures: Figures | undefined): string {
  const order = engines.map(({ name }) => name)
  // Other versions than those of this machine come last.
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  const names = [...findings.cases.keys()].sort((a, b) => place(a) - place(b))
  return `${[
    "# OpenPGP engines",
    "",
    "Made by `npm run backends`, which runs the suite of `@aurochs/conformance` on every engine, seals with each and opens",
    "with each, and opens the same stanzas with `aurochs --backend X open`. Do not edit.",
    "",
    "What it was made with:",
    "",
    ...engines.map(
      ({ name, usable, version, because }) =>
        `- \`${name}\`: ${usable ? version : `not usable: ${because ?? "unknown"}`}`,
    ),
    "",
    "Engines with a version behind their name are other versions of a program, of the next release of Debian, unpacked for",
    "the run.",
    "",
    "| engine | cases | passed | skipped, with a reason | failed |",
    "|---|---|---|---|---|",
    ...names.map((name) => summaryRow(name, findings.cases.get(name) ?? new Map())),
    "",
    "## Sealed by one, opened by another",
    "",
    "Rows seal, columns open. The key of each side was made by OpenPGP.js and imported.",
    "",
    ...matrix(findings.pairs),
    "",
    "## The same stanza on the command line",
    "",
    ...stanzaTable(findings),
    ...otherTests(findings),
    ...differential(figures),
    "## What each engine leaves out",
    "",
    "Skipped, never counted as passed.",
    "",
    ...names.flatMap((name) => leftOut(name, findings.cases.get(name) ?? new Map())),
    "## Case by case",
    "",
    ...caseTable(names, findings),
  ].join("\n")}\n`
}

type Cells = ReadonlyMap<string, Result>

function summaryRow(name: string, cells: Cells): string {
  const count = (state: Result["state"]) => [...cells.values()].filter((one) => one.state === state).length
  return `| \`${name}\` | ${cells.size} | ${count("passed")} | ${count("skipped")} | ${count("failed")} |`
}

function sign(result: Result | undefined): string {
  if (result === undefined) return "–"
  return { passed: "yes", failed: "**no**", skipped: "skipped" }[result.state]
}

function matrix(pairs: Findings["pairs"]): string[] {
  const openers = [...new Set([...pairs.values()].flatMap((row) => [...row.keys()]))]
  const rows = [...pairs].map(
    ([sealer, row]) => `| \`${sealer}\` | ${openers.map((opener) => sign(row.get(opener))).join(" | ")} |`,
  )
  return [`| | ${openers.map((name) => `\`${name}\``).join(" | ")} |`, `|---|${"---|".repeat(openers.length)}`, ...rows]
}

function stanzaTable({ stanzas }: Findings): string[] {
  const engines = [...stanzas.keys()]
  const titles = [...new Set([...stanzas.values()].flatMap((row) => [...row.keys()]))]
  const rows = titles.map(
    (title) => `| ${title} | ${engines.map((name) => sign(stanzas.get(name)?.get(title))).join(" | ")} |`,
  )
  return [
    "Does `aurochs --backend X open` print the same JSON object and end with the same exit code as with `openpgpjs`?",
    "",
    `| stanza | ${engines.map((name) => `\`${name}\``).join(" | ")} |`,
    `|---|${"---|".repeat(engines.length)}`,
    ...rows,
    "",
    ...engines.flatMap((name) => reasons(name, stanzas.get(name) ?? new Map())),
  ]
}

/** What belongs to no engine's column; only what did not pass by name. */
function otherTests({ others }: Findings): string[] {
  const all = [...others]
  const count = (state: Result["state"]) => all.filter(([, one]) => one.state === state).length
  const lines = all
    .filter(([, { state }]) => state !== "passed")
    .map(([name, { state, note }]) => `- ${name}: ${state === "failed" ? "**failed**" : note || "no reason given"}`)
  return [
    "## Beside the tables",
    "",
    "Attacks on each engine, keys that move between engines, programs that misbehave, GnuPG 2.4 in the place of 2.2:",
    `${count("passed")} passed, ${count("skipped")} skipped, ${count("failed")} failed.`,
    "",
    ...(lines.length > 0 ? [...lines, ""] : []),
  ]
}

function reasons(name: string, cells: Cells): string[] {
  const noted = [...cells].filter(([, { state, note }]) => state === "skipped" && note !== "")
  return noted.length === 0 ? [] : [...noted.map(([title, { note }]) => `- \`${name}\`, ${title}: ${note}`), ""]
}

function differential(figures: Figures | undefined): string[] {
  if (figures === undefined) return []
  return [
    "## Differential runs of crypto-openssl",
    "",
    "Generated and mutated messages in both directions, kept in `vectors/differential/figures.json`. A disagreement is a",
    "message that one calls valid and the other refuses, or of which they read another text. A message that is `handedOn`",
    "is read by OpenPGP.js itself and compares nothing; `gpg` and `sqop` saw as many as stands there.",
    "",
    ...flattened(figures).map(([key, value]) => `- ${key}: ${value}`),
    "",
  ]
}

function flattened(value: Figures, prefix = ""): [string, string][] {
  return Object.entries(value).flatMap(([key, one]): [string, string][] =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? flattened(one as Figures, `${prefix}${key}, `)
      : [[`${prefix}${key}`, shown(key, one)]],
  )
}

function shown(key: string, value: unknown): string {
  if (Array.isArray(value)) return value.join(", ")
  return typeof value === "number" && key !== "seed" ? value.toLocaleString("en") : String(value)
}

function leftOut(name: string, cells: Cells): string[] {
  const byReason = new Map<string, string[]>()
  for (const [title, { state, note }] of cells) {
    if (state === "skipped") byReason.set(note, [...(byReason.get(note) ?? []), title])
  }
  if (byReason.size === 0) return []
  const lines = [...byReason].map(([note, titles]) => `- ${note || "no reason given"}: ${titles.join("; ")}`)
  return [`### ${name}`, "", ...lines, ""]
}

function caseTable(names: readonly string[], { cases }: Findings): string[] {
  const titles = [...new Set([...cases.values()].flatMap((row) => [...row.keys()]))]
  const rows = titles.map(
    (title) => `| ${title} | ${names.map((name) => sign(cases.get(name)?.get(title))).join(" | ")} |`,
  )
  return [
    `| case | ${names.map((name) => `\`${name}\``).join(" | ")} |`,
    `|---|${"---|".repeat(names.length)}`,
    ...rows,
  ]
}
