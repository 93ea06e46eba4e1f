import { randomInt, randomUUID } from "node:crypto"
import type { Archive, ArchiveQuery } from "@aurochs/storage"
import { postgresStorage } from "@aurochs/storage-postgres"
import { Client } from "pg"
import { copy, copyData } from "./archive/copy.ts"
import { account, DAYS, FIRST_DAY_MS, fillStatement, freshEntries, PEERS, peerNumber } from "./archive/entries.ts"
import { database } from "./e2e/rig.ts"
import { median, medianInterval, quantile } from "./kit/stats.ts"
import type { BenchContext, BenchModule, Row } from "./kit/types.ts"

/** Messages that are on their way into the archive at the same time. */
const IN_FLIGHT = 256
const DAY_MS = 86_400_000
/** Rows of one statement that fills an archive. */
const FILLED_AT_ONCE = 50_000

/** The archive on PostgreSQL: writing it in small group commits, and reading it when it is large. */
export const archive: BenchModule = {
  bench: "archive",
  title: "Archive on PostgreSQL",
  about:
    "Writing: the same rows by `COPY … (FORMAT BINARY)` in one transaction, its bytes made beforehand (`copy-binary`); " +
    `by \`Archive.append\`, at most ${IN_FLIGHT} calls at the same time, each durable and idempotent when it resolves ` +
    "(`batched`); and by one call after another (`single-insert`). Every side writes into the same table with all its " +
    "indexes; `fsync` is on. Reading: pages of 50 from a random place, of all and of one of 200 peers, in an archive of " +
    "so many rows, held against the smaller archive (`page`, its ratio is how much of the speed is left; `p50Ms`); and " +
    "the messages of one peer in a random stretch of days (`search`, `p95Ms`).",
  nMeans: "rows",
  opsMean: "rows written, or pages read",
  async *run(context) {
    await using place = await database()
    const client = new Client({ connectionString: place.url })
    await client.connect()
    try {
      yield* await writing(context, client, place.url)
    } finally {
      await client.end()
    }
    yield* reading(context)
  },
}

async function writing(context: BenchContext, client: Client, url: string): Promise<Row[]> {
  const count = context.quick ? 512 : 4_096
  const singles = Math.ceil(count / 32)
  const speeds = new Map<string, number[]>()
  await using storage = await postgresStorage({ url, namespace: randomUUID() })
  const sides: readonly { readonly side: string; prepare(): () => Promise<number> }[] = [
    {
      side: "copy-binary",
      prepare() {
        const data = copyData(randomUUID(), freshEntries(count))
        return () => copy(client, data).then(() => count)
      },
    },
    {
      side: "batched",
      prepare() {
        const entries = freshEntries(count)
        return () => appendAll(storage.archive, entries).then(() => count)
      },
    },
    {
      side: "single-insert",
      prepare() {
        const entries = freshEntries(singles)
        return async () => {
          for (const entry of entries) await storage.archive.append(entry)
          return singles
        }
      },
    },
  ]
  for (let round = -1; round < context.rounds; round++) {
    for (const { side, prepare } of round % 2 === 0 ? sides : sides.toReversed()) {
      const work = prepare()
      const begun = performance.now()
      const done = await work()
      // The first round warms up.
      if (round >= 0) speeds.set(side, [...(speeds.get(side) ?? []), (done * 1000) / (performance.now() - begun)])
    }
  }
  const row = (side: string, ratioTo: string, goal?: number): Row => {
    const own = speeds.get(side) ?? []
    const ratios = own.map((speed, i) => speed / (speeds.get(ratioTo)?.[i] ?? Number.NaN))
    const base = { bench: "archive", side, n: count, opsPerSecond: median(own), ratioTo, ratio: median(ratios) }
    return { ...base, ...medianInterval(ratios), rounds: own.length, goal }
  }
  return [
    row("copy-binary", "copy-binary"),
    row("batched", "copy-binary", 0.5),
    row("single-insert", "single-insert"),
    row("batched", "single-insert", 8),
  ]
}

/** As handlers of a busy bot do: so many at once, the next when one is done. */
async function appendAll(into: Archive, entries: ReturnType<typeof freshEntries>): Promise<void> {
  const waiting = entries.values()
  const worker = async () => {
    for (const entry of waiting) await into.append(entry)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
}

/** An archive of so many rows, in a database of its own. */
interface Filled extends AsyncDisposable {
  readonly size: number
  readonly archive: Archive
  readonly queries: ReturnType<typeof queries>
}

async function filled(context: BenchContext, size: number): Promise<Filled> {
  await using stack = new AsyncDisposableStack()
  const { url } = stack.use(await database())
  const client = new Client({ connectionString: url })
  await client.connect()
  stack.defer(() => client.end())
  const namespace = randomUUID()
  const storage = stack.use(await postgresStorage({ url, namespace }))
  context.note(`archive: ${size} rows`)
  for (let from = 0; from < size; from += FILLED_AT_ONCE) {
    await client.query(fillStatement(namespace, from, Math.min(size, from + FILLED_AT_ONCE)))
  }
  await client.query("vacuum analyze aurochs.archive")
  const { rows } = await client.query<{ first: string; last: string }>(
    "select min(id)::text as first, max(id)::text as last from aurochs.archive",
  )
  const place = { first: Number(rows[0]?.first), last: Number(rows[0]?.last), days: (DAYS * size) / 1_000_000 }
  const all = stack.move()
  return {
    size,
    archive: storage.archive,
    queries: queries(place),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** In each round each archive is read a number of times in each way. */
async function* reading(context: BenchContext): AsyncGenerator<Row> {
  await using stack = new AsyncDisposableStack()
  const archives: Filled[] = []
  for (const size of context.quick ? [1_000, 10_000] : [100_000, 1_000_000]) {
    archives.push(stack.use(await filled(context, size)))
  }
  const reads = context.quick ? 10 : 30
  const times = new Map<string, number[][]>()
  for (let round = -1; round < context.rounds; round++) {
    for (const one of round % 2 === 0 ? archives : archives.toReversed()) {
      for (const [side, query] of Object.entries(one.queries)) {
        const name = `${side} ${one.size}`
        const taken: number[] = []
        for (let read = 0; read < reads; read++) {
          const wanted = query()
          const begun = performance.now()
          for await (const _ of one.archive.read({ account, ...wanted }));
          taken.push(performance.now() - begun)
        }
        // The first round warms up.
        if (round >= 0) times.set(name, [...(times.get(name) ?? []), taken])
      }
    }
  }
  const [smallest] = archives
  for (const { size, queries: asked } of archives) {
    for (const side of Object.keys(asked)) {
      const own = times.get(`${side} ${size}`) ?? []
      const smaller = times.get(`${side} ${smallest?.size}`) ?? []
      const ratios = own.map((taken, i) => median(smaller[i] ?? []) / median(taken))
      const isSmallest = size === smallest?.size
      const p50Ms = median(own.flat())
      yield {
        bench: "archive",
        side,
        n: size,
        opsPerSecond: 1000 / p50Ms,
        ratioTo: isSmallest ? side : `${side}-${smallest?.size}`,
        ratio: median(ratios),
        ...medianInterval(ratios),
        rounds: own.length,
        // At most 2.5 times as slow.
        goal: isSmallest || side === "search" ? undefined : 0.4,
        ...(side === "search" && { targets: { p95Ms: { atMost: 50 } } }),
        also: { p50Ms, p95Ms: quantile(own.flat(), 0.95) },
      }
    }
  }
}

function queries(place: {
  readonly first: number
  readonly last: number
  readonly days: number
}): Record<string, () => Omit<ArchiveQuery, "account">> {
  const after = () => String(randomInt(place.first, place.last)).padStart(16, "0")
  const peer = () => peerNumber(randomInt(PEERS))
  return {
    page: () => ({ after: after(), order: randomInt(2) === 0 ? "old-first" : "new-first", limit: 50 }),
    "page-of-peer": () => ({
      peer: peer(),
      after: after(),
      order: randomInt(2) === 0 ? "old-first" : "new-first",
      limit: 50,
    }),
    search() {
      const days = 1 + randomInt(30)
      const since = new Date(FIRST_DAY_MS + Math.random() * Math.max(1, place.days - days) * DAY_MS)
      return { peer: peer(), since, before: new Date(since.getTime() + days * DAY_MS), order: "new-first", limit: 50 }
    },
  }
}
