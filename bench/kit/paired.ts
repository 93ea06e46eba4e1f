import { median, medianInterval } from "./stats.ts"
import type { BenchContext, Row } from "./types.ts"

/** One way to do the work. */
export interface Side {
  readonly side: string
  /** Does the work once; awaited if it is a promise. */
  readonly once: () => unknown
  /** Before each turn, outside of what is measured: takes away what was prepared while others had theirs. */
  readonly before?: (() => Promise<void>) | undefined
  /** Operations in one call, e.g. 8 if eight are in flight; 1 by default. */
  readonly opsPerCall?: number | undefined
}

/** Which ratio is of interest. */
export interface Pair {
  readonly side: string
  readonly ratioTo: string
  readonly goal?: number | undefined
}

/** Sides that do the same work, to be measured in the same rounds. */
export interface Comparison {
  readonly bench: string
  readonly n: number
  readonly sides: readonly Side[]
  /** Those with a side that is not there are left out. */
  readonly pairs: readonly Pair[]
  /**
   * Milliseconds that each side runs before anything is measured, in a whole run: {@link WARM_UP_MS} where code runs for
   * the first time. One slice by default.
   */
  readonly warmUpMs?: number | undefined
}

/** Until V8 has compiled what it will compile: some thousand calls, of which a bot makes many more. */
export const WARM_UP_MS = 3_000

/** Turns of each side in a round: what disturbs the machine for a moment then meets all sides alike. */
const TURNS = 8

/**
 * Measures in paired rounds: in each round the sides take turns, each turn begun by the next one, so that a machine that
 * becomes slower in between disturbs the numbers and leaves the ratios alone. A side that is no first member of any pair
 * appears as the yardstick it is, with the ratio 1 to itself.
 */
export async function paired(context: BenchContext, comparison: Comparison): Promise<Row[]> {
  const { bench, n, sides } = comparison
  const { rounds, sliceMs } = context
  const warmUpMs = context.quick ? sliceMs : (comparison.warmUpMs ?? sliceMs)
  for (const side of sides) await slice(side, warmUpMs)
  const speeds = new Map<string, number[]>(sides.map(({ side }) => [side, []]))
  for (let round = 0; round < rounds; round++) {
    const sums = await oneRound(sides, sliceMs, round)
    for (const [side, { ops, ms }] of sums) speeds.get(side)?.push((ops / ms) * 1000)
  }
  const row = (side: string, ratioTo: string, goal?: number): Row[] => {
    const own = speeds.get(side)
    const other = speeds.get(ratioTo)
    if (own === undefined || other === undefined) return []
    const ratios = own.map((speed, i) => speed / (other[i] ?? Number.NaN))
    const opsPerSecond = median(own)
    return [{ bench, side, n, opsPerSecond, ratioTo, ratio: median(ratios), ...medianInterval(ratios), rounds, goal }]
  }
  const yardsticks = sides.filter(
    ({ side }) => !comparison.pairs.some((pair) => pair.side === side && speeds.has(pair.ratioTo)),
  )
  return [
    ...yardsticks.flatMap(({ side }) => row(side, side)),
    ...comparison.pairs.flatMap(({ side, ratioTo, goal }) => row(side, ratioTo, goal)),
  ]
}

interface Sum {
  calls: number
  ops: number
  ms: number
}

async function oneRound(sides: readonly Side[], sliceMs: number, round: number): Promise<ReadonlyMap<string, Sum>> {
  const sums = new Map<string, Sum>(sides.map(({ side }) => [side, { calls: 0, ops: 0, ms: 0 }]))
  for (let turn = 0; turn < TURNS; turn++) {
    for (const side of orderOf(sides, turn, round)) {
      const sum = sums.get(side.side)
      // A slow side, a single call of which fills its turn, stops when its time is up.
      if (sum === undefined || (sum.ms >= sliceMs && sum.calls <= turn)) continue
      const { calls, ops, ms } = await slice(side, sliceMs / TURNS)
      sum.calls += calls
      sum.ops += ops
      sum.ms += ms
    }
  }
  return sums
}

/**
 * The next side first, in every other round backwards. Of three and more none has its turn twice in a row: it would find
 * the caches as it left them, and the others would not.
 */
export function orderOf<Side>(sides: readonly Side[], turn: number, round: number): readonly Side[] {
  const ring = round % 2 === 0 ? sides : sides.toReversed()
  const first = turn % ring.length
  return [...ring.slice(first), ...ring.slice(0, first)]
}

async function slice({ once, before, opsPerCall = 1 }: Side, ms: number): Promise<Sum> {
  await before?.()
  const start = performance.now()
  let calls = 0
  let now = start
  do {
    const result = once()
    if (result instanceof Promise) await result
    calls++
    now = performance.now()
  } while (now - start < ms)
  return { calls, ops: calls * opsPerCall, ms: now - start }
}
