import { engineNames } from "./e2e/providers.ts"
import { type Rig, startRig, type Usage } from "./e2e/rig.ts"
import { median, medianInterval, quantile } from "./kit/stats.ts"
import type { BenchContext, BenchModule, Row } from "./kit/types.ts"

const RECEIVER = "receiver@ox.test"
/** Messages in a second of the even rhythm in which delays are measured. */
const RHYTHM = 100

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
    "is empty. `…CpuUs`: processor time of each process, microseconds per message. `p50Ms`, `p95Ms`: from `send` to the " +
    `handler, at ${RHYTHM} messages/s in an even rhythm.`,
  nMeans: "messages in a round",
  opsMean: "messages",
  async *run(context) {
    const speeds = new Map<string, number[]>()
    for (const side of engineNames) {
      await using rig = await rigOrSkip(context, side)
      if (rig === undefined) continue
      yield await measured(context, rig, side, speeds)
    }
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
    yield { bench: "e2e-heap", side, n: total, opsPerSecond, ...one, also }
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

async function measured(context: BenchContext, rig: Rig, side: string, speeds: Map<string, number[]>): Promise<Row> {
  const count = context.quick ? 300 : 3_000
  const way = oneWay(rig)
  await way.send(count / 10)
  const own: number[] = []
  const before = await rig.usage()
  for (let round = 0; round < context.rounds; round++) {
    const begun = performance.now()
    await way.send(count)
    own.push((count * 1000) / (performance.now() - begun))
  }
  const used = await rig.usage()
  const perMessage = (name: keyof Usage) => ((used[name] - before[name]) * 1000) / (count * context.rounds)
  const latenciesMs = await way.send(context.quick ? RHYTHM : 10 * RHYTHM, RHYTHM)
  speeds.set(side, own)
  const ratioTo = speeds.keys().next().value ?? side
  const ratios = own.map((speed, i) => speed / (speeds.get(ratioTo)?.[i] ?? Number.NaN))
  return {
    bench: "e2e",
    side,
    n: count,
    opsPerSecond: median(own),
    ratioTo,
    ratio: median(ratios),
    ...medianInterval(ratios),
    rounds: own.length,
    also: {
      p50Ms: median(latenciesMs),
      p95Ms: quantile(latenciesMs, 0.95),
      senderCpuUs: perMessage("sender"),
      receiverCpuUs: perMessage("receiver"),
      prosodyCpuUs: perMessage("prosody"),
      postgresCpuUs: perMessage("postgres"),
    },
  }
}

/** Sends so many, and resolves when all were handled: with the milliseconds that each of the last ones took. */
function oneWay({ sender, receiver }: Rig) {
  let sent = 0
  return {
    async send(count: number, perSecond?: number): Promise<readonly number[]> {
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
