import { setImmediate } from "node:timers/promises"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"
import { pool } from "@aurochs/crypto-openssl/pool"
import { type Engine, ofProvider } from "./engines.ts"
import { paired, type Side, WARM_UP_MS } from "./kit/paired.ts"
import type { BenchModule } from "./kit/types.ts"
import { makePeople } from "./people.ts"

const IN_FLIGHT = 32
const CALLS = 128
const WORKERS = 2

/** Worker threads with an engine each, against one engine in the thread that asks. */
export const workerPool: BenchModule = {
  bench: "pool",
  title: "A pool of two workers",
  about:
    `\`crypto-openssl\` in ${WORKERS} worker threads behind the same interface, against the same engine in the thread that ` +
    `asks; ${IN_FLIGHT} calls in flight on both sides. \`longestTurnMs\` is the longest time for which the event loop of ` +
    "that thread stood still in a second of such work.",
  nMeans: "recipients",
  opsMean: "messages",
  async *run(context) {
    const people = await makePeople()
    await using pooledProvider = await pool({ engine: new URL("./pool-engine.ts", import.meta.url), workers: WORKERS })
    await using pooled = await ofProvider(pooledProvider, people)
    await using alone = await ofProvider(openssl({ fallback: openpgpjs() }), people)
    for (const n of context.quick ? [1] : [1, 5, 20]) {
      const message = (await alone.seal(n)()) as Uint8Array
      const seal = (engine: Engine) => engine.seal(n)
      const open = (engine: Engine) => engine.open(message)
      const sides: Side[] = []
      for (const [name, work] of [
        ["seal", seal],
        ["open", open],
      ] as const) {
        sides.push(inFlight(`${name}-openssl`, work(alone)), inFlight(`${name}-pool`, work(pooled)))
      }
      const rows = await paired(context, {
        bench: "pool",
        n,
        sides,
        pairs: ["seal", "open"].map((name) => ({ side: `${name}-pool`, ratioTo: `${name}-openssl`, goal: 1.35 })),
        // The workers have code of their own to compile.
        warmUpMs: n === 1 ? WARM_UP_MS : undefined,
      })
      for (const row of rows) {
        const side = sides.find((one) => one.side === row.side)
        if (side !== undefined) yield { ...row, also: await costs(side) }
      }
    }
  },
}

/** As many calls as are counted at a time, always so many of them under way. */
function inFlight(side: string, once: () => unknown): Side {
  const several = async (): Promise<void> => {
    for (let i = 0; i < CALLS / IN_FLIGHT; i++) await once()
  }
  return { side, once: () => Promise.all(Array.from({ length: IN_FLIGHT }, several)), opsPerCall: CALLS }
}

/** How long the event loop takes to come round while the work is done, and what the work costs where nothing else runs. */
async function costs(side: Side): Promise<Record<string, number>> {
  const longestTurnMs = await longestTurn(side)
  const [all, asking] = [process.cpuUsage(), process.threadCpuUsage()]
  const calls = await forOneSecond(side)
  const perCall = ({ user, system }: { user: number; system: number }) => (user + system) / calls
  return {
    longestTurnMs,
    askingUs: perCall(process.threadCpuUsage(asking)),
    allThreadsUs: perCall(process.cpuUsage(all)),
  }
}

async function longestTurn(side: Side): Promise<number> {
  let longest = 0
  let isDone = false
  const work = forOneSecond(side).then(() => {
    isDone = true
  })
  for (let before = performance.now(); !isDone; ) {
    await setImmediate()
    const now = performance.now()
    longest = Math.max(longest, now - before)
    before = now
  }
  await work
  return longest
}

/** @returns how many operations were done */
async function forOneSecond({ once, opsPerCall = 1 }: Side): Promise<number> {
  let calls = 0
  for (const end = performance.now() + 1_000; performance.now() < end; calls += opsPerCall) await once()
  return calls
}
