import type { Row } from "./types.ts"

const HEAD = ["bench", "n", "side", "per second", "ratio to", "ratio", "interval", "goal"] as const

/** Three digits that count: 4210, 421, 42.1, 4.21. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–"
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toFixed(Math.min(digits, 3))
}

/** Has the interval of a row reached its goal? Undefined: it has none. */
export function reached({ goal, high }: Row): boolean | undefined {
  return goal === undefined ? undefined : high >= goal
}

function goalText(row: Row): string {
  const is = reached(row)
  if (is === undefined) return ""
  if (!is) return `${row.goal} missed`
  return row.ratio >= (row.goal ?? 0) ? `${row.goal} reached` : `${row.goal} within the interval`
}

/** What became of each target of a row, as text. */
export function targetTexts({ targets = {}, also = {}, opsPerSecond }: Row): readonly string[] {
  return Object.entries(targets).map(([name, target]) => {
    const value = name === "opsPerSecond" ? opsPerSecond : (also[name] ?? Number.NaN)
    const isReached = "atLeast" in target ? value >= target.atLeast : value <= target.atMost
    const isNear = "atLeast" in target && target.high !== undefined && target.high >= target.atLeast
    const wanted = "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`
    const became = isReached ? "reached" : isNear ? "within the interval" : "missed"
    return `${name === "opsPerSecond" ? "per second" : name} ${wanted} ${became}`
  })
}

/** The cells of one row, as text. */
export function cells(row: Row): readonly string[] {
  const { bench, n, side, opsPerSecond, ratioTo, ratio, low, high } = row
  const yardstick = ratioTo === side
  const also = Object.entries(row.also ?? {}).map(([name, value]) => `${name} ${figure(value)}`)
  return [
    bench,
    String(n),
    side,
    figure(opsPerSecond),
    yardstick ? "" : ratioTo,
    yardstick ? "" : ratio.toFixed(2),
    yardstick ? "" : `${low.toFixed(2)} – ${high.toFixed(2)}`,
    [goalText(row), ...targetTexts(row), ...also].filter((text) => text !== "").join("; "),
  ]
}

/** Rows for a terminal, with a line of headings. */
export function textTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)]
  const widths = HEAD.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? "").length)))
  const isText = (i: number) => i === 0 || i === 2 || i === 4 || i >= 6
  return lines
    .map((line) =>
      line
        .map((text, i) => (isText(i) ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

/** The same in Markdown, without the name of the bench, which its heading says. */
export function markdownTable(rows: readonly Row[], nMeans: string, opsMean: string): string {
  const head = [nMeans, "side", `${opsMean}/s`, ...HEAD.slice(4)]
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map((row) => line(cells(row).slice(1)))].join("\n")
}
