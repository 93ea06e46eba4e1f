import type { Bench } from "tinybench"

/** One measured case. */
export interface Row {
  readonly group: string
  readonly name: string
  readonly medianMs: number
  readonly p99Ms: number
  readonly runs: number
  /** Median over the median of the first case of its group; absent for what stands alone. */
  readonly ratio?: number
}

export function rowsOf(group: string, bench: Bench): Row[] {
  const measured = bench.tasks.map(({ name, result }) => {
    if (result.state !== "completed") throw new Error(`${name}: ${result.state}`)
    return { name, medianMs: result.latency.p50, p99Ms: result.latency.p99, runs: result.latency.samplesCount }
  })
  const first = measured[0]?.medianMs ?? Number.NaN
  const isAlone = measured.length === 1
  return measured.map((row) => ({ group, ...row, ...(isAlone ? {} : { ratio: row.medianMs / first }) }))
}

/** For people: one line each, a blank line between groups. */
export function table(rows: readonly Row[]): string {
  const head = ["case", "median ms", "p99 ms", "runs", "ratio"]
  const cells = rows.map((row) => [
    `${row.group}: ${row.name}`,
    row.medianMs.toFixed(3),
    row.p99Ms.toFixed(3),
    String(row.runs),
    row.ratio?.toFixed(2) ?? "",
  ])
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((line) => (line[i] ?? "").length)))
  const line = (columns: readonly string[]): string =>
    columns.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join("  ")
  const body = cells.flatMap((columns, i) => {
    const isNewGroup = i > 0 && rows[i]?.group !== rows[i - 1]?.group
    return [...(isNewGroup ? [""] : []), line(columns)]
  })
  return [line(head), ...body].join("\n")
}
