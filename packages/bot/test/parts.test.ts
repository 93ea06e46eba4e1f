import { AurochsError, type Transport } from "@aurochs/core"
import { pinned, tofu } from "@aurochs/keys"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { backoffMs } from "../src/backoff.ts"
import { createBell } from "../src/bell.ts"
import { createLanes } from "../src/lanes.ts"
import { trustForPeer } from "../src/parts.ts"
import { replyBound } from "../src/replies.ts"
import { retrying } from "../src/retrying.ts"
import { testClock } from "./clock.ts"
import { createPeer } from "./peers.ts"
import { botJid, eventually, keepingLogger, lastingStorage, startBot } from "./setup.ts"
import { createWorld } from "./world.ts"

/** Lanes whose tasks are functions, each run alone. */
function lanesOfTasks(options: Omit<Parameters<typeof createLanes>[0], "work" | "maxTogether">) {
  return createLanes<() => Promise<void>>({
    ...options,
    maxTogether: 1,
    work: async (tasks) => {
      for (const task of tasks) await task()
    },
  })
}

describe("lanes", () => {
  test("what waits in one lane is handed over together, in order, up to a number", async () => {
    const gate = Promise.withResolvers<void>()
    const given: (readonly string[])[] = []
    const lanes = createLanes<string>({
      concurrency: 2,
      maxQueued: 100,
      maxTogether: 3,
      onError: () => {},
      work: async (tasks) => {
        given.push(tasks)
        await gate.promise
      },
    })
    for (const task of ["1", "2", "3", "4", "5"]) await lanes.add("a", task)
    await lanes.add("b", "other")
    gate.resolve()
    await lanes.idle()
    expect(given).toEqual([["1"], ["other"], ["2", "3", "4"], ["5"]])
  })

  test("each lane in order, never two tasks of one at once, never more lanes than allowed", async () => {
    const tasks = fc.array(fc.record({ lane: fc.constantFrom("a", "b", "c", "d"), ticks: fc.nat(3) }), {
      maxLength: 40,
    })
    await fc.assert(
      fc.asyncProperty(tasks, fc.integer({ min: 1, max: 4 }), async (given, concurrency) => {
        const lanes = lanesOfTasks({ concurrency, maxQueued: 1000, onError: () => {} })
        const running = new Set<string>()
        const done: Record<string, number[]> = {}
        for (const [at, { lane, ticks }] of given.entries()) {
          await lanes.add(lane, async () => {
            expect(running.has(lane)).toBe(false)
            running.add(lane)
            expect(running.size).toBeLessThanOrEqual(concurrency)
            for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
            running.delete(lane)
            done[lane] = [...(done[lane] ?? []), at]
          })
        }
        await lanes.idle()
        for (const [lane, order] of Object.entries(done)) {
          expect(order).toEqual(given.flatMap((task, at) => (task.lane === lane ? [at] : [])))
        }
        expect(Object.values(done).flat()).toHaveLength(given.length)
      }),
    )
  })

  test("who adds too much is slowed down; a task that throws does not stop its lane", async () => {
    const errors: unknown[] = []
    const lanes = lanesOfTasks({ concurrency: 1, maxQueued: 2, onError: (error) => errors.push(error) })
    const gate = Promise.withResolvers<void>()
    await lanes.add("a", () => gate.promise)
    await lanes.add("a", () => Promise.reject(new Error("x")))
    let isAdded = false
    const ran: string[] = []
    const added = lanes
      .add("a", async () => void ran.push("last"))
      .then(() => {
        isAdded = true
      })
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(isAdded).toBe(false)
    gate.resolve()
    await added
    await lanes.idle()
    expect([ran, errors]).toEqual([["last"], [expect.any(Error)]])
  })

  test("stopping waits for what runs and drops what has not begun", async () => {
    const lanes = lanesOfTasks({ concurrency: 1, maxQueued: 10, onError: () => {} })
    const gate = Promise.withResolvers<void>()
    const ran: number[] = []
    for (const n of [1, 2]) {
      await lanes.add("a", async () => {
        await gate.promise
        ran.push(n)
      })
    }
    const stopped = lanes.stop()
    gate.resolve()
    await stopped
    await lanes.add("a", async () => void ran.push(3))
    expect(ran).toEqual([1])
  })
})

describe("bell", () => {
  test("wakes a waiting loop, is remembered once, ends with the time and with the signal", async () => {
    const clock = testClock()
    const bell = createBell()
    bell.ring()
    bell.ring()
    await bell.wait(1_000_000, clock)
    const timed = bell.wait(1000, clock)
    await clock.advance(1001)
    await timed
    const aborted = new AbortController()
    const waiting = bell.wait(1_000_000, clock, { signal: aborted.signal })
    aborted.abort()
    await waiting
    const rung = bell.wait(1_000_000, clock)
    bell.ring()
    await rung
  })
})

test("back-off goes from 1 minute to 1 hour", () => {
  expect([1, 2, 3, 7, 100].map(backoffMs)).toEqual([60_000, 120_000, 240_000, 3_600_000, 3_600_000])
})

test("A31: replies are counted for each peer, within any minute", async () => {
  const clock = testClock()
  const bound = replyBound(clock, 2)
  expect([1, 2, 3].map(() => bound.take("a@x.org"))).toEqual([true, true, false])
  expect(bound.take("b@x.org")).toBe(true)
  await clock.advance(60_001)
  expect(bound.take("a@x.org")).toBe(true)
})

test("what fails because the storage is away is tried again, anything else is not", async () => {
  const clock = testClock()
  const log = keepingLogger()
  let count = 0
  const flaky = () => {
    count += 1
    return count < 3 ? Promise.reject(new AurochsError("STORAGE", "away", { operation: "x" })) : Promise.resolve("done")
  }
  const trying = retrying(flaky, { clock, log, what: "test" })
  for (let n = 0; n < 3; n++) await clock.advance(5000)
  expect(await trying).toBe("done")
  const wrong = () => Promise.reject(new TypeError("no"))
  await expect(retrying(wrong, { clock, log, what: "test" })).rejects.toThrow(TypeError)
  count = -10
  const bounded = retrying(flaky, { clock, log, what: "test", attempts: 2 })
  bounded.catch(() => {})
  await clock.advance(5000)
  await expect(bounded).rejects.toMatchObject({ code: "STORAGE" })
})

test("both forms of `trust` are understood", () => {
  const policy = pinned(["AB".repeat(20)])
  expect(trustForPeer(policy)("juliet@example.org")).toBe(policy)
  const first = tofu()
  const forPeer = trustForPeer((peer: string) => (peer === "juliet@example.org" ? policy : first))
  expect([forPeer("juliet@example.org"), forPeer("romeo@example.org")]).toEqual([policy, first])
  const strict = () => ({ use: "never", level: "distrusted", because: "by-hand" }) as const
  expect(trustForPeer(strict)("juliet@example.org")).toBe(strict)
  expect(trustForPeer(undefined)("a@x.org")).toBeTypeOf("function")
})

describe("storage that is away", () => {
  test("a message is acknowledged only once it is kept", async () => {
    const clock = testClock()
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const storage = lastingStorage()
    let isAway = true
    const archive = {
      ...storage.archive,
      append: (...given: Parameters<typeof storage.archive.append>) =>
        isAway
          ? Promise.reject(new AurochsError("STORAGE", "away", { operation: "archive.append" }))
          : storage.archive.append(...given),
    }
    const seen: string[] = []
    const kept: string[] = []
    const watching = (transport: Transport): Transport => ({
      ...transport,
      async *messages(options) {
        for await (const delivery of transport.messages(options)) {
          const id = delivery.stanza.attributes.id ?? ""
          yield { ...delivery, kept: () => void kept.push(id) }
        }
      },
    })
    const client = world.connect(botJid)
    const bot = await startBot(world, (bot) => bot.text((ctx) => void seen.push(ctx.message.body)), {
      storage: { ...storage, archive },
      transport: watching(client),
      clock,
    })
    const stanza = await juliet.say(botJid, bot.certificate, "hello")
    await eventually(() => expect(bot.log.lines.some(({ level }) => level === "error")).toBe(true))
    expect([seen, kept]).toEqual([[], []])
    isAway = false
    await clock.advance(31_000)
    await eventually(() => expect([seen, kept]).toEqual([["hello"], [stanza.attributes.id]]))
    await bot.stop()
  })
})
