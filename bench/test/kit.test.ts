import { describe, expect, test } from "vitest"
import { changesOf, isWorse, lostRows } from "../kit/compare.ts"
import { page } from "../kit/page.ts"
import { orderOf, paired } from "../kit/paired.ts"
import { plot } from "../kit/plot.ts"
import { median, medianInterval, quantile } from "../kit/stats.ts"
import { figure, reached, targetTexts, textTable } from "../kit/table.ts"
import type { BenchModule, Row } from "../kit/types.ts"

const row = (over: Partial<Row>): Row => ({
  bench: "seal",
  side: "openpgpjs",
  n: 1,
  opsPerSecond: 900,
  ratioTo: "openpgpjs-raw",
  ratio: 1.2,
  low: 1.1,
  high: 1.3,
  rounds: 11,
  ...over,
})

const module: BenchModule = {
  bench: "seal",
  title: "Sealing",
  about: "It seals.",
  nMeans: "recipients",
  opsMean: "messages",
  plot: true,
  async *run() {},
}

describe("statistics", () => {
  test("median and quantile", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
    const hundred = Array.from({ length: 100 }, (_, i) => i + 1)
    expect([quantile(hundred, 0.5), quantile(hundred, 0.95), quantile(hundred, 0)]).toEqual([50, 95, 1])
  })

  test("the interval of a median is that of the sign test", () => {
    const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)
    // From a table of the sign test at 5 %, two-sided.
    for (const [n, low] of [
      [6, 1],
      [9, 2],
      [11, 2],
      [12, 3],
      [15, 4],
      [17, 5],
      [20, 6],
      [25, 8],
    ] as const) {
      expect(medianInterval(upTo(n)), `of ${n}`).toEqual({ low, high: n + 1 - low })
    }
    expect(medianInterval([5, 1, 3])).toEqual({ low: 1, high: 5 })
  })
})

test("a bound on a number holds or does not; one that was not measured does not", () => {
  const targets = { opsPerSecond: { atLeast: 1_000 }, p95Ms: { atMost: 50 }, heapBytes: { atMost: 5 } } as const
  expect(targetTexts(row({ opsPerSecond: 999, also: { p95Ms: 50 }, targets }))).toEqual([
    "per second ≥ 1000 missed",
    "p95Ms ≤ 50 reached",
    "heapBytes ≤ 5 missed",
  ])
  const texts = (high: number) =>
    targetTexts(row({ opsPerSecond: 990, targets: { opsPerSecond: { atLeast: 1_000, high } } }))
  expect([texts(1_001), texts(999)]).toEqual([["per second ≥ 1000 within the interval"], ["per second ≥ 1000 missed"]])
})

describe("paired rounds", () => {
  const context = { quick: true, rounds: 3, sliceMs: 4, skipped: () => {}, note: () => {} }

  test("every side has its turns, none twice in a row, and each pair one row", async () => {
    const turns: string[] = []
    const once = (side: string) => () => {
      if (turns.at(-1) !== side) turns.push(side)
    }
    const rows = await paired(context, {
      bench: "b",
      n: 7,
      sides: ["raw", "ours", "other"].map((side) => ({ side, once: once(side) })),
      pairs: [
        { side: "ours", ratioTo: "raw", goal: 0.5 },
        { side: "ours", ratioTo: "other" },
        { side: "ours", ratioTo: "absent" },
        { side: "absent", ratioTo: "raw" },
      ],
    })
    expect(rows.map(({ side, ratioTo }) => [side, ratioTo])).toEqual([
      ["raw", "raw"],
      ["other", "other"],
      ["ours", "raw"],
      ["ours", "other"],
    ])
    expect(rows[0]).toMatchObject({ bench: "b", n: 7, rounds: 3, ratio: 1, low: 1, high: 1 })
    expect(rows[2]?.goal).toBe(0.5)
    // Warmed up once in order, then each turn is begun by the next one; backwards in the second round.
    expect(turns.slice(0, 9).join(" ")).toBe("raw ours other raw ours other ours other raw")
  })

  test("what runs for the first time runs for as long as it is told to before it is measured", async () => {
    const started = new Map<string, number>()
    const once = (side: string) => () => {
      if (!started.has(side)) started.set(side, performance.now())
    }
    const sides = ["a", "b"].map((side) => ({ side, once: once(side) }))
    const waited = async (quick: boolean, warmUpMs: number) => {
      started.clear()
      await paired({ ...context, quick }, { bench: "b", n: 1, sides, pairs: [], warmUpMs })
      return (started.get("b") ?? 0) - (started.get("a") ?? 0)
    }
    expect(await waited(false, 80)).toBeGreaterThanOrEqual(80)
    expect(await waited(true, 4_000)).toBeLessThan(2_000)
  })

  test("all sides have as many turns, and none has two in a row", () => {
    const sides = ["a", "b", "c", "d"]
    for (const round of [0, 1]) {
      const all = Array.from({ length: 8 }, (_, turn) => orderOf(sides, turn, round)).flat()
      for (const side of sides) expect(all.filter((one) => one === side)).toHaveLength(8)
      expect(all.some((one, i) => one === all[i - 1])).toBe(false)
    }
    expect([orderOf(sides, 5, 0), orderOf(sides, 5, 1)].map((order) => order.join(""))).toEqual(["bcda", "cbad"])
    expect(orderOf(["one"], 3, 1)).toEqual(["one"])
  })

  test("a side that waits is waited for, and several operations in one call count", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let calls = 0
    setTimeout(resolve, 30)
    const rows = await paired(context, {
      bench: "b",
      n: 1,
      sides: [
        { side: "one", once: () => (calls++ === 0 ? promise : undefined) },
        { side: "eight", once: () => new Promise((done) => setTimeout(done, 2)), opsPerCall: 8 },
      ],
      pairs: [{ side: "eight", ratioTo: "one" }],
    })
    const eight = rows.find(({ side }) => side === "eight")
    expect(eight?.opsPerSecond).toBeGreaterThan(8)
    expect(eight?.opsPerSecond).toBeLessThan(8_000)
  })

  test("what fails ends the bench", async () => {
    const sides = [{ side: "a", once: () => Promise.reject(new Error("no")) }]
    await expect(paired(context, { bench: "b", n: 1, sides, pairs: [] })).rejects.toThrow("no")
  })
})

describe("what is shown", () => {
  test("a goal is reached where the interval reaches it", () => {
    expect(reached(row({ goal: 1.25 }))).toBe(true)
    expect(reached(row({ goal: 1.31 }))).toBe(false)
    expect(reached(row({}))).toBeUndefined()
    const table = textTable([row({ goal: 1.2 }), row({ goal: 1.25 }), row({ goal: 2 })])
    expect(table.match(/1\.2 reached|1\.25 within the interval|2 missed/g)).toHaveLength(3)
  })

  test("figures have three digits that count", () => {
    expect([4210.4, 421.04, 42.104, 4.2104, 0.0421].map(figure)).toEqual(["4210", "421", "42.1", "4.21", "0.042"])
  })

  test("the plot has a line and a name for each side, and text is no markup", () => {
    const rows = [1, 2, 20].flatMap((n) => [
      row({ n, opsPerSecond: 4_000 / n, side: "limit" }),
      row({ n, opsPerSecond: 900 / n, side: "a<b" }),
      row({ n, opsPerSecond: 900 / n, side: "a<b", ratioTo: "limit" }),
    ])
    const svg = plot(rows, module) ?? ""
    expect(svg.match(/<polyline/g)).toHaveLength(2)
    expect(svg.match(/<circle/g)).toHaveLength(6)
    expect(svg).toContain(">a&lt;b</text>")
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    expect(plot([], module)).toBeUndefined()
  })

  test("the page shows every row, what was left out and where it was measured", () => {
    const machine = {
      cpu: "CPU",
      cores: 2,
      memoryGiB: 8,
      platform: "linux x64",
      node: "v24",
      openssl: "3.5",
      load: 0.4,
    }
    const text = page(
      [module],
      [
        {
          bench: "seal",
          at: "2026-01-02T03:04:05.678Z",
          commit: "abc1234",
          machine,
          rounds: 11,
          sliceMs: 250,
          rows: [row({ opsPerSecond: 912.3, goal: 0.95, also: { p95Ms: 4.5 } })],
          skipped: [{ side: "gnupg", because: "it is not here" }],
        },
      ],
    )
    expect(text).toContain("| 1 | openpgpjs | 912 | openpgpjs-raw | 1.20 | 1.10 – 1.30 | 0.95 reached; p95Ms 4.50 |")
    expect(text).toContain("Not measured: gnupg, because it is not here")
    expect(text).toContain("2026-01-02 at commit abc1234, 11 rounds of 250 ms")
    expect(text).toContain("![Sealing](performance/seal.svg)")
  })
})

describe("--compare", () => {
  const pair = (here: number, there: number) => ({ here: [row({ ratio: here })], there: [row({ ratio: there })] })

  test("each row against the same row, over all pairs of runs", () => {
    const [change] = changesOf([pair(1, 2), pair(1, 1), pair(1, 4)])
    expect(change).toMatchObject({ side: "openpgpjs", n: 1, ratio: 0.5, low: 0.25, high: 1, speed: 1 })
    expect(changesOf([{ here: [row({ n: 2 })], there: [row({ n: 1 })] }])).toEqual([])
  })

  test("slower is what was slower in every pair, held against another side", () => {
    const worse = (pairs: Parameters<typeof changesOf>[0]) => changesOf(pairs).map(isWorse)
    expect(worse([pair(0.8, 1), pair(0.7, 1)])).toEqual([true])
    expect(worse([pair(0.8, 1), pair(0.95, 1)])).toEqual([false])
    const yardstick = { here: [row({ ratioTo: "openpgpjs", ratio: 0.1 })], there: [row({ ratioTo: "openpgpjs" })] }
    expect(worse([yardstick])).toEqual([false])
  })

  test("a row that this tree does not have any more is named: a bench that failed must not look like no change", () => {
    const there = [row({ n: 1 }), row({ n: 2 })]
    expect(lostRows([{ here: there, there: [row({ n: 1 })] }])).toEqual([])
    expect(lostRows([{ here: [], there: [row({ n: 1 })] }])).toEqual(["seal 1 openpgpjs (openpgpjs-raw)"])
    // In one of the pairs of runs only.
    expect(
      lostRows([
        { here: there, there },
        { here: [row({ n: 1 })], there },
      ]),
    ).toEqual(["seal 2 openpgpjs (openpgpjs-raw)"])
  })
})
