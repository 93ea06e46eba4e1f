import { figure } from "./table.ts"
import type { Row } from "./types.ts"

const WIDTH = 720
const HEIGHT = 400
const LEFT = 70
const RIGHT = 150
const TOP = 44
const BOTTOM = 52

/** Dark enough on white, and told apart with most kinds of colour vision (Okabe and Ito). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#a08000", "#000000", "#8a8a8a"]

/** What a plot needs to know. */
export interface Plot {
  readonly title: string
  readonly nMeans: string
  readonly opsMean: string
}

interface Line {
  readonly side: string
  readonly points: readonly { readonly n: number; readonly opsPerSecond: number }[]
}

/** One line for each side, `opsPerSecond` over `n`; both axes are logarithmic. Undefined if there is nothing to draw. */
export function plot(rows: readonly Row[], { title, nMeans, opsMean }: Plot): string | undefined {
  const lines = linesOf(rows)
  const all = lines.flatMap(({ points }) => points)
  const ns = [...new Set(all.map(({ n }) => n))].toSorted((a, b) => a - b)
  const [least, greatest] = [ns[0], ns.at(-1)]
  if (least === undefined || greatest === undefined || least <= 0) return undefined
  const speeds = all.map(({ opsPerSecond }) => opsPerSecond)
  const floor = 10 ** Math.floor(Math.log10(Math.min(...speeds)))
  const ceiling = 10 ** Math.ceil(Math.log10(Math.max(...speeds)))
  const x = (n: number) => LEFT + position(n, least, greatest) * (WIDTH - LEFT - RIGHT)
  const y = (speed: number) => HEIGHT - BOTTOM - position(speed, floor, ceiling) * (HEIGHT - TOP - BOTTOM)
  const end = WIDTH - RIGHT
  const parts = [
    text(LEFT, 24, title, 'font-weight="bold" font-size="15"'),
    ...ticks(floor, ceiling).flatMap((speed) => [
      `<line x1="${LEFT}" x2="${end}" y1="${at(y(speed))}" y2="${at(y(speed))}" stroke="#ddd"/>`,
      text(LEFT - 8, y(speed) + 4, figure(speed), 'text-anchor="end"'),
    ]),
    ...ns.map((n) => text(x(n), HEIGHT - BOTTOM + 20, String(n), 'text-anchor="middle"')),
    text((LEFT + end) / 2, HEIGHT - 12, nMeans, 'text-anchor="middle"'),
    text(LEFT - 8, TOP - 6, `${opsMean}/s`, 'text-anchor="end"'),
    ...labelled(lines, y).flatMap(({ side, points, labelY }, i) => drawn(side, points, labelY, i, x, y)),
  ]
  const size = `width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`
  const font = 'font-family="sans-serif" font-size="12" fill="#222"'
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escaped(title)}">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<g ${font}>
${parts.join("\n")}
</g>
</svg>
`
}

function linesOf(rows: readonly Row[]): Line[] {
  const sides = [...new Set(rows.map(({ side }) => side))]
  return sides.map((side) => {
    const byN = new Map(rows.filter((row) => row.side === side).map((row) => [row.n, row]))
    return { side, points: [...byN.values()].toSorted((a, b) => a.n - b.n) }
  })
}

/** From 0 to 1 on a logarithmic scale. */
function position(value: number, least: number, greatest: number): number {
  return greatest === least ? 0.5 : Math.log(value / least) / Math.log(greatest / least)
}

/** 1, 2 and 5 of each power of ten. */
function ticks(floor: number, ceiling: number): number[] {
  const found: number[] = []
  for (let power = floor; power <= ceiling; power *= 10) {
    for (const step of [1, 2, 5]) if (power * step <= ceiling) found.push(power * step)
  }
  return found
}

/** Where each name stands beside the end of its line, moved apart where they would cover each other. */
function labelled(lines: readonly Line[], y: (speed: number) => number): (Line & { readonly labelY: number })[] {
  const sorted = lines
    .map((line) => ({ ...line, labelY: y(line.points.at(-1)?.opsPerSecond ?? 1) }))
    .toSorted((a, b) => a.labelY - b.labelY)
  let free = TOP
  return sorted.map((line) => {
    const labelY = Math.max(line.labelY, free)
    free = labelY + 14
    return { ...line, labelY }
  })
}

function drawn(
  side: string,
  points: Line["points"],
  labelY: number,
  index: number,
  x: (n: number) => number,
  y: (speed: number) => number,
): string[] {
  const colour = COLOURS[index % COLOURS.length] ?? "#000"
  const path = points.map(({ n, opsPerSecond }) => `${at(x(n))},${at(y(opsPerSecond))}`)
  return [
    `<polyline points="${path.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...points.map(
      ({ n, opsPerSecond }) => `<circle cx="${at(x(n))}" cy="${at(y(opsPerSecond))}" r="3" fill="${colour}"/>`,
    ),
    text(WIDTH - RIGHT + 10, labelY + 4, side, `fill="${colour}"`),
  ]
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${at(x)}" y="${at(y)}" ${attributes}>${escaped(words)}</text>`
}

function at(value: number): string {
  return value.toFixed(1)
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")
}
