// One of the two bots of `bench/e2e.ts`, in a process of its own: told what to do by its parent, in messages.

import { type Bot, createBot, type Logger } from "@aurochs/bot"
import { type BareJid, bareJid } from "@aurochs/core"
import { postgresStorage } from "@aurochs/storage-postgres"
import { xmpp } from "@aurochs/xmpp"
import { providerNamed } from "./providers.ts"
import type { Answer, Order } from "./talk.ts"

/** Messages that may be on their way at the same time: the receiver must not fall behind the server's patience. */
const MAX_UNDER_WAY = 600
/** Messages that enter the outbox together. */
const TOGETHER = 32
/** Of those that enter them. */
const PRODUCERS = 4
/** How often the outbox is counted, in milliseconds. */
const LOOK_MS = 25

const quiet: Logger = { debug() {}, info() {}, warn: console.error, error: console.error }
const stopping = new AbortController()
const arrivals: { count: number; latenciesMs: number[]; waiting: { count: number; resolve(): void }[] } = {
  count: 0,
  latenciesMs: [],
  waiting: [],
}
let running: Promise<void> | undefined
let bot: Bot | undefined

/** Milliseconds of a clock that both processes share. */
function now(): number {
  return performance.timeOrigin + performance.now()
}

async function start(order: Extract<Order, { kind: "start" }>): Promise<void> {
  const { user, service, database, engine } = order
  const storage = await postgresStorage({ url: database, namespace: user, onError: () => {} })
  const transport = xmpp({ jid: `${user}@ox.test`, password: `pw-${user}`, service, state: storage.state })
  const made = createBot({ transport, provider: providerNamed(engine), storage, log: quiet, exclusive: true })
  made.text((ctx) => {
    arrivals.count += 1
    arrivals.latenciesMs.push(now() - Number.parseFloat(ctx.message.body))
    if (arrivals.latenciesMs.length > 20_000) arrivals.latenciesMs.shift()
    arrivals.waiting = arrivals.waiting.filter(({ count, resolve }) => {
      if (arrivals.count < count) return true
      resolve()
      return false
    })
  })
  const ready = Promise.withResolvers<void>()
  made.onReady(() => ready.resolve())
  bot = made
  running = made.run({ signal: stopping.signal })
  running.catch(ready.reject)
  await ready.promise
}

/** 400 bytes sealed, as in the other benches; it begins with the time. */
function text(): string {
  return `${now()} `.padEnd(200, "Disk almost full: 4 % of /var/lib/postgresql is left on db-1. ")
}

let looking: Promise<number> | undefined

/** How many wait in the outbox; who asks meanwhile gets the same answer, so that counting is no part of the work. */
function waiting(): Promise<number> {
  looking ??= (async () => {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    looking = undefined
    return (await bot?.status())?.waiting ?? 0
  })()
  return looking
}

async function untilWaiting(most: number): Promise<void> {
  while ((await waiting()) > most);
}

/** As fast as they go: entered in small lots, several at once, while others are on their way. */
async function sendAll(to: BareJid, count: number): Promise<void> {
  let left = count
  const producer = async () => {
    for (let lots = 1; left > 0; lots++) {
      const lot = Math.min(TOGETHER, left)
      left -= lot
      await bot?.sendAll(Array.from({ length: lot }, () => ({ to, body: text() })))
      if (lots % 4 === 0) await untilWaiting(MAX_UNDER_WAY)
    }
  }
  await Promise.all(Array.from({ length: PRODUCERS }, producer))
  await untilWaiting(0)
}

/** One after another in an even rhythm. */
async function sendSteadily(to: BareJid, count: number, perSecond: number): Promise<void> {
  const begun = performance.now()
  const sends: Promise<unknown>[] = []
  for (let at = 0; at < count; at++) {
    const waitMs = begun + (at * 1000) / perSecond - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    const sending = bot?.send(to, text())
    if (sending !== undefined) sends.push(sending)
  }
  await Promise.all(sends)
  await untilWaiting(0)
}

function arrived(count: number): Promise<void> {
  if (arrivals.count >= count) return Promise.resolve()
  return new Promise((resolve) => {
    arrivals.waiting.push({ count, resolve })
  })
}

async function obey(order: Order): Promise<Omit<Answer, "id">> {
  switch (order.kind) {
    case "start":
      await start(order)
      return {}
    case "send":
      await (order.perSecond === undefined
        ? sendAll(bareJid(order.to), order.count)
        : sendSteadily(bareJid(order.to), order.count, order.perSecond))
      return {}
    case "arrived":
      await arrived(order.count)
      return { latenciesMs: arrivals.latenciesMs.splice(0) }
    case "usage": {
      if (order.collect) for (let round = 0; round < 3; round++) globalThis.gc?.()
      const { user, system } = process.cpuUsage()
      return { cpuMs: (user + system) / 1000, heapBytes: process.memoryUsage().heapUsed }
    }
    case "stop":
      stopping.abort()
      await running
      return {}
  }
}

process.on("message", (order: Order) => {
  obey(order).then(
    (answer) => process.send?.({ ...answer, id: order.id }),
    (error: unknown) => process.send?.({ id: order.id, error: String(error) }),
  )
})
process.once("disconnect", () => process.exit())
