import { UsageError } from "@aurochs/cli-kit"
import { bareJid } from "@aurochs/core"
import { memoryStorage, type OutboxEntry, type OutboxId, type Storage } from "@aurochs/storage"
import { beforeEach, describe, expect, it } from "vitest"
import { dropQueued, queueLine, retryQueued } from "../src/queue.ts"

const account = bareJid("bot@example.org")
const [alice, carol] = [bareJid("alice@example.org"), bareJid("carol@example.org")]
const now = new Date("2026-11-23T03:00:00Z")
let storage: Storage
/** One that was put aside, one that waits for an hour, one that nobody tried. */
let parked: OutboxId
let later: OutboxId
let untried: OutboxId

const claim = () => storage.outbox.claim({ account, now, leaseMs: 60_000, limit: 10 })
const listed = () => Array.fromAsync(storage.outbox.list(account))
const ids = (entries: readonly OutboxEntry[]) => entries.map(({ id }) => id)

beforeEach(async () => {
  storage = memoryStorage()
  const enqueue = async (recipient: typeof alice, key: string) => {
    const entry = { account, recipient, key, sealed: Uint8Array.of(1), enqueuedAt: now }
    const [id] = await storage.outbox.enqueue([entry])
    return id as OutboxId
  }
  parked = await enqueue(alice, "parked")
  later = await enqueue(carol, "later")
  for (const leased of await claim()) {
    const retryAt = new Date(now.getTime() + 3_600_000)
    const result =
      leased.id === parked
        ? ({ kind: "parked", because: "too large" } as const)
        : ({ kind: "waiting", because: "no key", retryAt } as const)
    await storage.outbox.settle(leased, result)
  }
  untried = await enqueue(alice, "untried")
})

describe("queue", () => {
  it("a line says why a message is still there, also of one that nobody tried", async () => {
    const lines = (await listed()).map(queueLine)
    expect(lines[0]).toContain("parked: too large")
    expect(lines[1]).toContain("waiting: no key, next try 2026-11-23T04:00:00.000Z")
    expect(lines[2]).toContain("not tried yet: is the service running and connected? see /healthz")
  })

  it("retry puts back what was put aside, in its place, and leaves other recipients alone", async () => {
    expect(ids(await retryQueued(storage.outbox, account, [parked]))).toEqual([parked])
    expect((await claim()).map(({ id }) => id)).toEqual([parked])
  })

  it("retry of all makes everything claimable at once", async () => {
    expect(ids(await retryQueued(storage.outbox, account, undefined))).toEqual([parked, later, untried])
    expect((await claim()).map(({ id }) => id).sort()).toEqual([parked, later].sort())
  })

  it("drop forgets these and no others", async () => {
    expect(ids(await dropQueued(storage.outbox, account, [parked, untried]))).toEqual([parked, untried])
    expect(ids(await listed())).toEqual([later])
  })

  it("changes nothing if one of the ids is unknown, of another account, or sent already", async () => {
    const stranger = bareJid("other@example.org")
    await expect(dropQueued(storage.outbox, account, [parked, "nonsense"])).rejects.toThrow(UsageError)
    await expect(dropQueued(storage.outbox, stranger, [parked])).rejects.toThrow(parked)
    const [leased] = await claim()
    if (leased === undefined) throw new Error("nothing to claim")
    await storage.outbox.settle(leased, { kind: "sent", stanzaId: "1", sentAt: now })
    await expect(retryQueued(storage.outbox, account, [parked, leased.id])).rejects.toThrow(/Not in the queue/)
    expect((await listed()).map(({ state }) => state)).toEqual(["parked", "waiting"])
  })
})
