import { engineNames } from "./e2e/providers.ts"
import { type Rig, startRig, type Usage } from "./e2e/rig.ts"
import { median, medianInterval, quantile } from "./kit/stats.ts"
import type { BenchContext, BenchModule, Row } from "./kit/types.ts"

const RECEIVER = "receiver@ox.test"
/** Messages in a second of the even rhythm in which delays are measured. */
const RHYTHM = 100

const MAX_GROWTH_BYTES = 5_000_000

/** What both benches have in common. */
const ABOUT =
  "Two bots in two processes, Prosody and PostgreSQL, all on this machine and all sharing its processors: a message " +
  "enters the sender's outbox (sealed), is sealed for the receiver, sent, acknowledged (XEP-0198), " +
  "archived and settled; the receiver archives it, acknowledges it, opens and verifies it, claims it in the set of " +
  "seen messages, gives it to a handler and marks it. `fsync` is on; there is no TLS on loopback, and Prosody keeps no " +
  "archive of its own (with its archive in memory it takes three to four times the processor time). "

/** Messages from one bot to another, everything included. */
export const e2e: BenchModule = {
  bench: "e2e",
  title: "End to end",
  about:
    `${ABOUT}One way, as fast as they go, from the first call of \`sendAll\` until the last handler ran and the outbox ` +
    "is empty. `lowPerSecond`, `highPerSecond`: the interval of the median over the rounds. `…CpuUs`: processor time of each process, microseconds per message. `p50Ms`, `p95Ms`: from `send` to the " +
    `handler, at ${RHYTHM} messages/s in an even rhythm.`,
  nMeans: "messages in a round",
  opsMean: "messages",
  async *run(context) {
    await using stack = new AsyncDisposableStack()
    const ways = new Map<string, Way>()
    for (const side of engineNames) {
      const rig = await rigOrSkip(context, side)
      if (rig !== undefined) ways.set(side, oneWay(stack.use(rig)))
    }
    yield* await measured(context, ways)
  },
}

/** What is left in memory after many messages. */
export const e2eHeap: BenchModule = {
  bench: "e2e-heap",
  title: "End to end: memory",
  about:
    `${ABOUT}The heap of both processes after a garbage collection, when so many messages have passed: ` +
    "`…GrowthBytes` is how much larger it is than after the first fifth of them.",
  nMeans: "messages in all",
  opsMean: "messages",
  async *run(context) {
    const side = engineNames.at(-1) ?? ""
    await using rig = await rigOrSkip(context, side)
    if (rig === undefined) return
    const total = context.quick ? 2_000 : 100_000
    const way = oneWay(rig)
    await way.send(total / 5)
    const before = await heaps(rig)
    const begun = performance.now()
    for (let part = 0; part < 8; part++) {
      await way.send(total / 10)
      context.note(`e2e-heap: ${total / 5 + ((part + 1) * total) / 10} messages`)
    }
    const opsPerSecond = (total * 0.8 * 1000) / (performance.now() - begun)
    const after = await heaps(rig)
    const also = {
      senderGrowthBytes: after.sender - before.sender,
      receiverGrowthBytes: after.receiver - before.receiver,
      senderHeapBytes: after.sender,
      receiverHeapBytes: after.receiver,
    }
    const one = { ratioTo: side, ratio: 1, low: 1, high: 1, rounds: 1 }
    const targets = {
      senderGrowthBytes: { atMost: MAX_GROWTH_BYTES },
      receiverGrowthBytes: { atMost: MAX_GROWTH_BYTES },
    }
    yield { bench: "e2e-heap", side, n: total, opsPerSecond, ...one, targets, also }
  },
}

async function rigOrSkip(context: BenchContext, side: string): Promise<Rig | undefined> {
  try {
    return await startRig(side)
  } catch (error) {
    context.skipped(side, error instanceof Error ? error.message : String(error))
    return undefined
  }
}

/** In each round each engine has its turn; the bots of the others, their server and their database rest meanwhile. */
async function measured(context: BenchContext, ways: ReadonlyMap<string, Way>): Promise<readonly Row[]> {
  const count = context.quick ? 300 : 3_000
  const sides = [...ways].map(([side, way]) => ({ side, way, speeds: [] as number[], usedMs: { ...NO_USAGE } }))
  for (const { way } of sides) await way.send(count / 10)
  for (let round = 0; round < context.rounds; round++) {
    for (const { way, speeds, usedMs } of round % 2 === 0 ? sides : sides.toReversed()) {
      const before = await way.rig.usage()
      const begun = performance.now()
      await way.send(count)
      speeds.push((count * 1000) / (performance.now() - begun))
      const after = await way.rig.usage()
      for (const name of PROCESSES) usedMs[name] += after[name] - before[name]
    }
  }
  const rows: Row[] = []
  for (const { side, way, speeds, usedMs } of sides) {
    const latenciesMs = await way.send(context.quick ? RHYTHM : 10 * RHYTHM, RHYTHM)
    const yardstick = sides[0]?.speeds ?? speeds
    const ratios = speeds.map((speed, i) => speed / (yardstick[i] ?? Number.NaN))
    const speed = medianInterval(speeds)
    const perMessage = (name: keyof Usage) => (usedMs[name] * 1000) / (count * context.rounds)
    rows.push({
      bench: "e2e",
      side,
      n: count,
      opsPerSecond: median(speeds),
      ratioTo: sides[0]?.side ?? side,
      ratio: median(ratios),
      ...medianInterval(ratios),
      rounds: speeds.length,
      ...(side === "openssl" && {
        targets: { opsPerSecond: { atLeast: 1_000, high: speed.high }, p95Ms: { atMost: 50 } },
      }),
      also: {
        lowPerSecond: speed.low,
        highPerSecond: speed.high,
        p50Ms: median(latenciesMs),
        p95Ms: quantile(latenciesMs, 0.95),
        senderCpuUs: perMessage("sender"),
        receiverCpuUs: perMessage("receiver"),
        prosodyCpuUs: perMessage("prosody"),
        postgresCpuUs: perMessage("postgres"),
      },
    })
  }
  return rows
}

const PROCESSES = ["sender", "receiver", "prosody", "postgres"] as const
const NO_USAGE: Usage = { sender: 0, receiver: 0, prosody: 0, postgres: 0 }

/** Two bots, and messages from one to the other. */
interface Way {
  readonly rig: Rig
  /** @returns the milliseconds that each of these messages took */
  send(count: number, perSecond?: number): Promise<readonly number[]>
}

/** Sends so many, and resolves when all were handled: with the milliseconds that each of the last ones took. */
function oneWay(rig: Rig): Way {
  const { sender, receiver } = rig
  let sent = 0
  return {
    rig,
    async send(count, perSecond) {
      sent += count
      const arrived = receiver.ask({ kind: "arrived", count: sent })
      await sender.ask({ kind: "send", to: RECEIVER, count, perSecond })
      const { latenciesMs = [] } = await arrived
      return latenciesMs.slice(-count)
    },
  }
}

async function heaps({ sender, receiver }: Rig): Promise<{ readonly sender: number; readonly receiver: number }> {
  const [one, other] = await Promise.all([sender, receiver].map((bot) => bot.ask({ kind: "usage", collect: true })))
  return { sender: one?.heapBytes ?? Number.NaN, receiver: other?.heapBytes ?? Number.NaN }
}
