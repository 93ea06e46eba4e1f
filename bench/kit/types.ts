// What a bench is, for whoever adds one: a file `bench/NAME.ts` that exports a `BenchModule`, and a line in
// `bench/benches.ts` that loads it. `paired` in `paired.ts` measures sides against each other; a bench that measures otherwise makes
// its rows itself.

/** One side of one bench, held against another side of the same rounds. `--json` prints these, one on each line. */
export interface Row {
  /** Name of the bench: `seal`, `open`, `xml`, … */
  readonly bench: string
  /** Who was measured: `limit`, `openssl`, `openpgpjs`, `openpgpjs-raw`, `gnupg`, `sop:sqop`, … */
  readonly side: string
  /** What the bench varies; `nMeans` of its module says what it counts. */
  readonly n: number
  /** Median over the rounds. */
  readonly opsPerSecond: number
  /** The side it is held against; itself if it is the yardstick. */
  readonly ratioTo: string
  /** Median over the rounds of `opsPerSecond` over that of `ratioTo` in the same round. */
  readonly ratio: number
  /** Interval of the median ratio: 95 % from 6 rounds on, least and greatest with fewer. */
  readonly low: number
  readonly high: number
  readonly rounds: number
  /** The ratio to reach; reached if the interval reaches it. */
  readonly goal?: number | undefined
  /** What else is to be reached, by its name in `also`, or `opsPerSecond`. */
  readonly targets?: Readonly<Record<string, Target>> | undefined
  /** Whatever else was measured, units in the names: `p95Ms`, `heapGrowthBytes`. */
  readonly also?: Readonly<Record<string, number>> | undefined
}

/**
 * A bound on one number: reached if the number lies within. Of a median over rounds `high` is the upper end of its
 * interval, which counts as it does for a ratio.
 */
export type Target = { readonly atLeast: number; readonly high?: number } | { readonly atMost: number }

/** One bench. */
export interface BenchModule {
  /** On the command line and in each of its rows. */
  readonly bench: string
  /** A heading for people. */
  readonly title: string
  /** What is measured, one paragraph of Markdown. */
  readonly about: string
  /** What `n` counts, e.g. `recipients`. */
  readonly nMeans: string
  /** What `opsPerSecond` counts, e.g. `messages`. */
  readonly opsMean: string
  /** Draw `opsPerSecond` over `n`, a line for each side? */
  readonly plot?: boolean | undefined
  /** Measures; a row as soon as it is known. */
  run(context: BenchContext): AsyncIterable<Row>
}

/** What a run gives each bench. */
export interface BenchContext {
  /** A short run: less work, fewer `n`, numbers that mean little. */
  readonly quick: boolean
  /** Paired rounds: at least 11, or 3 in a short run. */
  readonly rounds: number
  /** Milliseconds for each side in each round. */
  readonly sliceMs: number
  /** Says that a side, or the whole bench, cannot be measured here, and why. */
  skipped(side: string, because: string): void
  /** A sentence on what is going on, for whoever waits. */
  note(text: string): void
}
