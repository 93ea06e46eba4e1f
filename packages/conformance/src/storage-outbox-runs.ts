import type { BareJid } from "@aurochs/core"
import { type Leased, maxRunBytes, type Outbox } from "@aurochs/storage"
import { expect } from "vitest"
import type { Case } from "./case.ts"
import { collect, juliet, keysIn, moment, nurse, outgoing, type Pair, romeo, tybalt } from "./storage-samples.ts"

const leaseMs = 10_000

function claim(outbox: Outbox, atMs = 0, changes: { limit?: number; perRecipient?: number } = {}): Promise<Leased[]> {
  const base = { account: juliet, now: moment(atMs), leaseMs, limit: 100, perRecipient: 10 }
  return outbox.claim({ ...base, ...changes })
}

const sent = (stanzaId: string) => ({ kind: "sent", stanzaId, sentAt: moment(1) }) as const
const later = (ms: number) => ({ kind: "waiting", retryAt: moment(ms), because: "network" }) as const
const untried = { ...later(0), untried: true } as const

/** What runs of one recipient's messages, and many changes at once, add to the cases of an outbox. */
export const outboxRunCases: readonly Case<Pair<Outbox>>[] = [
  {
    title: "outbox: a run is the head of a line and what follows, up to a length, of at most so many recipients",
    async run({ first, second }) {
      await first.enqueue([
        ...["r1", "r2", "r3"].map((key) => outgoing(key, romeo)),
        ...["n1", "n2"].map((key) => outgoing(key, nurse)),
        outgoing("t1", tybalt),
        outgoing("r4", romeo),
      ])
      expect(keysIn(await claim(first, 0, { limit: 2, perRecipient: 3 }))).toEqual(["r1", "r2", "r3", "n1", "n2"])
      expect(keysIn(await claim(second))).toEqual(["t1"])
      expect(await claim(second, leaseMs - 1)).toEqual([])
    },
  },
  {
    title: "outbox: nobody gets what stands behind a message that waits or that somebody else has",
    async run({ first, second }) {
      await first.enqueue(["1", "2", "3", "4"].map((key) => outgoing(key, romeo)))
      const run = await claim(first, 0, { perRecipient: 2 })
      expect(keysIn(run)).toEqual(["1", "2"])
      expect(await claim(second)).toEqual([])
      const [one, two] = run
      if (one) await first.settle(one, sent("s1"))
      expect(await claim(second)).toEqual([])
      if (two) await first.settle(two, later(5000))
      expect(await claim(second, 4999)).toEqual([])
      expect(keysIn(await claim(second, 5000))).toEqual(["2", "3", "4"])
    },
  },
  {
    title: "outbox: a run ends before a message whose time has not come",
    async run({ first, second }) {
      await first.enqueue(["1", "2", "3"].map((key) => outgoing(key, romeo)))
      const [one, two, three] = await claim(first)
      if (two) await first.settle(two, later(5000))
      for (const leased of [one, three]) if (leased) await first.settle(leased, later(0))
      expect(keysIn(await claim(second))).toEqual(["1"])
      expect(keysIn(await claim(second, 5000))).toEqual([])
      expect(keysIn(await claim(second, leaseMs))).toEqual(["1", "2", "3"])
    },
  },
  {
    title: "outbox: what a run gives back untried keeps its place, and the claim does not count",
    async run({ first, second }) {
      await first.enqueue(["1", "2", "3"].map((key) => outgoing(key, romeo)))
      const [one, two, three] = await claim(first)
      if (one) expect(await first.settle(one, later(0))).toBe("settled")
      for (const leased of [two, three]) if (leased) expect(await first.settle(leased, untried)).toBe("settled")
      expect(await claim(second, 1)).toMatchObject([
        { key: "1", attempts: 2 },
        { key: "2", attempts: 1 },
        { key: "3", attempts: 1 },
      ])
    },
  },
  {
    title: "outbox: a run passes over what is parked and ends before it is too long in bytes",
    async run({ first, second }) {
      const sealed = new Uint8Array(maxRunBytes / 2)
      const [id] = await first.enqueue([
        outgoing("0", romeo),
        outgoing("1", romeo, { sealed: new Uint8Array(2_000_000) }),
      ])
      await first.enqueue(["2", "3", "4"].map((key) => outgoing(key, romeo, { sealed })))
      const [head] = await claim(first, 0, { perRecipient: 1 })
      expect(head?.id).toBe(id)
      if (head) await first.settle(head, { kind: "parked", because: "too-large" })
      const alone = await claim(second)
      expect(keysIn(alone)).toEqual(["1"])
      for (const leased of alone) await second.settle(leased, sent("s1"))
      const two = await claim(second)
      expect(keysIn(two)).toEqual(["2", "3"])
      for (const leased of two) expect(leased.sealed).toHaveLength(sealed.length)
    },
  },
  {
    title: "outbox: many who claim runs at once get each message once, and each line is one's own",
    async run({ first, second }) {
      const recipients = Array.from({ length: 10 }, (_, index) => `r${index}@montague.example` as BareJid)
      for (const round of [1, 2, 3, 4, 5])
        await first.enqueue(recipients.map((jid) => outgoing(`${jid} ${round}`, jid)))
      const claims = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          claim(index % 2 ? first : second, 0, { limit: 3, perRecipient: 1 + (index % 4) }),
        ),
      )
      const keys = keysIn(claims.flat())
      expect(new Set(keys).size).toBe(keys.length)
      const ownersOf = (jid: BareJid) => claims.filter((run) => run.some((leased) => leased.recipient === jid))
      for (const jid of recipients) {
        expect(ownersOf(jid).length).toBeLessThanOrEqual(1)
        const line = claims.flat().filter((leased) => leased.recipient === jid)
        expect(keysIn(line)).toEqual(line.map((_, index) => `${jid} ${index + 1}`))
      }
    },
  },
  {
    title: "outbox: of many settlings at once each has its own result",
    async run({ first, second }) {
      await first.enqueue(["1", "2", "3"].map((key) => outgoing(key, romeo)))
      const [one, two, three] = await claim(first)
      if (one === undefined || two === undefined || three === undefined) throw new Error("nothing could be claimed")
      const stale = { id: three.id, lease: "an old one" }
      const results = await Promise.all([
        first.settle(one, sent("s1")),
        first.settle(one, sent("s1")),
        first.settle(stale, { kind: "parked", because: "too-large" }),
        first.settle(three, sent("s3")),
        second.settle(two, later(7)),
        second.settle({ id: "9999999999999999", lease: "none" }, sent("s9")),
      ])
      expect(results).toEqual(["settled", "lost", "lost", "settled", "settled", "lost"])
      expect(await collect(first.list(juliet, { includeSent: true }))).toMatchObject([
        { key: "1", state: "sent" },
        { key: "2", state: "waiting", retryAt: moment(7) },
        { key: "3", state: "sent" },
      ])
    },
  },
  {
    title: "outbox: many enter messages at once: each gets its own ids, in its own order",
    async run({ first, second }) {
      const calls = await Promise.all(
        Array.from({ length: 30 }, async (_, index) => {
          const keys = [`${index} a`, "shared", `${index} b`]
          const ids = await (index % 2 ? first : second).enqueue(keys.map((key) => outgoing(key, romeo)))
          return { keys, ids }
        }),
      )
      const listed = new Map((await collect(first.list(juliet))).map((entry) => [entry.key, entry.id]))
      expect(listed.size).toBe(61)
      for (const { keys, ids } of calls) {
        expect(ids).toEqual(keys.map((key) => listed.get(key)))
        expect((ids[0] ?? "") < (ids[2] ?? "")).toBe(true)
      }
      const [id] = calls[0]?.ids ?? []
      expect(await second.waiting(juliet)).toBe(61)
      expect(await second.drop(id === undefined ? [] : [id])).toBe(1)
      expect(await first.waiting(juliet)).toBe(60)
      expect(await first.waiting(nurse)).toBe(0)
    },
  },
]
