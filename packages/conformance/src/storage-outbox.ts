import type { BareJid } from "@aurochs/core"
import type { Leased, Outbox } from "@aurochs/storage"
import { expect } from "vitest"
import { type Case, describeCases, type SuiteOptions } from "./case.ts"
import { outboxRunCases } from "./storage-outbox-runs.ts"
import {
  collect,
  everyByte,
  juliet,
  keysIn,
  moment,
  nurse,
  outgoing,
  type Pair,
  romeo,
  tybalt,
} from "./storage-samples.ts"

/**
 * What every {@link Outbox} must do.
 *
 * @param name of the adapter
 * @param make two instances over the same, empty data
 */
export function describeOutbox(name: string, make: () => Promise<Pair<Outbox>>, options?: SuiteOptions): void {
  describeCases(`Outbox: ${name}`, [...outboxCases, ...outboxRunCases], make, options, (pair) => pair.dispose())
}

const leaseMs = 10_000

function claim(outbox: Outbox, atMs = 0, changes: { account?: BareJid; limit?: number } = {}): Promise<Leased[]> {
  return outbox.claim({ account: juliet, now: moment(atMs), leaseMs, limit: 100, ...changes })
}

async function claimOne(outbox: Outbox, atMs = 0): Promise<Leased> {
  const [leased] = await claim(outbox, atMs)
  if (leased === undefined) throw new Error("nothing could be claimed")
  return leased
}

const sent = (stanzaId: string) => ({ kind: "sent", stanzaId, sentAt: moment(1) }) as const
const later = (ms: number, because = "no-usable-key") => ({ kind: "waiting", retryAt: moment(ms), because }) as const
const parked = { kind: "parked", because: "too-large" } as const

/** The cases of {@link describeOutbox}. */
export const outboxCases: readonly Case<Pair<Outbox>>[] = [
  {
    title: "outbox: a message is claimed as it was entered",
    async run({ first, second }) {
      const entry = outgoing("alert/1 'x' \"y\" é😀", romeo, { sealed: everyByte(), enqueuedAt: moment(7) })
      const [id] = await first.enqueue([entry])
      const [leased, ...others] = await claim(second, 10)
      expect(others).toEqual([])
      expect(leased).toEqual({ ...entry, id, attempts: 1, lostConnections: 0, lease: expect.any(String) })
    },
  },
  {
    title: "outbox: list tells what waits, never its text",
    async run({ first, second }) {
      const ids = await first.enqueue([outgoing("1", romeo), outgoing("2", nurse)])
      expect([...ids].sort()).toEqual(ids)
      const listed = await collect(second.list(juliet))
      expect(listed.map((entry) => entry.id)).toEqual(ids)
      expect(listed[0]).toMatchObject({
        account: juliet,
        recipient: romeo,
        key: "1",
        enqueuedAt: moment(0),
        state: "waiting",
        attempts: 0,
        lostConnections: 0,
        sealedBytes: outgoing("1", romeo).sealed.length,
      })
      expect(listed[0]).not.toHaveProperty("sealed")
      expect(await collect(second.list(nurse))).toEqual([])
    },
  },
  {
    title: "outbox: the same key again gives the same id, and nothing is sent twice",
    async run({ first, second }) {
      const [id] = await first.enqueue([outgoing("1", romeo)])
      const ids = await second.enqueue([outgoing("1", nurse), outgoing("2", romeo), outgoing("2", romeo)])
      expect(ids[0]).toBe(id)
      expect(ids[1]).toBe(ids[2])
      expect(keysIn(await collect(first.list(juliet)))).toEqual(["1", "2"])
      expect(await first.settle(await claimOne(first), sent("s1"))).toBe("settled")
      expect(await first.forgetSent(juliet, moment(1000))).toBe(1)
      expect(await second.enqueue([outgoing("1", romeo)])).toEqual([id])
      expect(keysIn(await claim(second))).toEqual(["2"])
    },
  },
  {
    title: "outbox: a key is unique for its account only",
    async run({ first }) {
      const ids = await first.enqueue([outgoing("1", romeo), outgoing("1", romeo, { account: nurse })])
      expect(new Set(ids).size).toBe(2)
      expect(await claim(first)).toHaveLength(1)
      expect(await claim(first, 0, { account: nurse })).toHaveLength(1)
    },
  },
  {
    title: "outbox: the same keys entered by many at once are entered once",
    async run({ first, second }) {
      const entries = ["1", "2", "3"].map((key) => outgoing(key, romeo))
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          (index % 2 ? first : second).enqueue(index % 3 ? entries : [...entries].reverse()),
        ),
      )
      expect(new Set(results.flat()).size).toBe(3)
      expect(await collect(first.list(juliet))).toHaveLength(3)
    },
  },
  {
    title: "outbox: one recipient's messages leave in the order in which they came",
    async run({ first, second }) {
      await first.enqueue([outgoing("r1", romeo), outgoing("r2", romeo), outgoing("n1", nurse), outgoing("r3", romeo)])
      const heads = await claim(first)
      expect(keysIn(heads)).toEqual(["r1", "n1"])
      expect(await claim(second)).toEqual([])
      for (const [index, leased] of heads.entries()) await second.settle(leased, sent(`s${index}`))
      expect(keysIn(await claim(first))).toEqual(["r2"])
      expect(await claim(first)).toEqual([])
    },
  },
  {
    title: "outbox: claim takes the oldest heads up to the limit",
    async run({ first }) {
      await first.enqueue([outgoing("t", tybalt), outgoing("r", romeo), outgoing("n", nurse)])
      expect(keysIn(await claim(first, 0, { limit: 2 }))).toEqual(["t", "r"])
      expect(keysIn(await claim(first, 0, { limit: 2 }))).toEqual(["n"])
      expect(await claim(first, 0, { limit: 0 })).toEqual([])
    },
  },
  {
    title: "outbox: many who claim at once get each message once",
    async run({ first, second }) {
      const recipients = Array.from({ length: 20 }, (_, index) => `r${index}@montague.example` as BareJid)
      await first.enqueue(recipients.flatMap((jid) => [outgoing(`${jid} 1`, jid), outgoing(`${jid} 2`, jid)]))
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, index) => claim(index % 2 ? first : second, 0, { limit: 5 })),
      )
      const keys = keysIn(claims.flat())
      expect(new Set(keys).size).toBe(keys.length)
      expect(keys.every((key) => key.endsWith(" 1"))).toBe(true)
      const rest = keysIn([...(await claim(first)), ...(await claim(second))])
      expect([...keys, ...rest].sort()).toEqual(recipients.map((jid) => `${jid} 1`).sort())
    },
  },
  {
    title: "outbox: a lease that ran out makes the message claimable again, and settles nothing",
    async run({ first, second }) {
      await first.enqueue([outgoing("1", romeo), outgoing("2", romeo)])
      const old = await claimOne(first)
      expect(await claim(second, leaseMs - 1)).toEqual([])
      const next = await claimOne(second, leaseMs)
      expect(next).toMatchObject({ key: "1", attempts: 2, lostConnections: 0 })
      expect(await first.settle(old, sent("s1"))).toBe("lost")
      expect(await collect(first.list(juliet))).toMatchObject([{ state: "leased" }, { state: "waiting" }])
      expect(await second.settle(next, sent("s1"))).toBe("settled")
      expect(await second.settle(next, sent("s1"))).toBe("lost")
    },
  },
  {
    title: "outbox: a waiting message keeps its place and its reason, for as long as it takes",
    async run({ first, second }) {
      await first.enqueue([outgoing("1", romeo), outgoing("2", romeo)])
      for (let attempt = 1; attempt <= 12; attempt++) {
        const leased = await claimOne(first, attempt * 1000)
        expect(leased).toMatchObject({ key: "1", attempts: attempt })
        expect(await first.settle(leased, later((attempt + 1) * 1000))).toBe("settled")
        expect(await claim(second, attempt * 1000 + 999)).toEqual([])
      }
      expect((await collect(second.list(juliet)))[0]).toMatchObject({
        state: "waiting",
        because: "no-usable-key",
        retryAt: moment(13_000),
        attempts: 12,
      })
    },
  },
  {
    title: "outbox: lost connections are counted, other attempts are not",
    async run({ first }) {
      await first.enqueue([outgoing("1", romeo)])
      await first.settle(await claimOne(first), { ...later(0, "connection"), connectionLost: true })
      await first.settle(await claimOne(first), later(0))
      await first.settle(await claimOne(first), { ...later(0, "connection"), connectionLost: true })
      expect(await claimOne(first)).toMatchObject({ attempts: 4, lostConnections: 2 })
    },
  },
  {
    title: "outbox: a parked message does not hold back the next, and returns to its place",
    async run({ first, second }) {
      const [id] = await first.enqueue([outgoing("1", romeo), outgoing("2", romeo), outgoing("3", romeo)])
      await first.settle(await claimOne(first), parked)
      expect((await collect(second.list(juliet)))[0]).toMatchObject({ id, state: "parked", because: "too-large" })
      await second.settle(await claimOne(second), sent("s2"))
      expect(await first.unpark(id === undefined ? [] : [id, id])).toBe(1)
      expect(await first.unpark(id === undefined ? [] : [id])).toBe(0)
      expect(keysIn(await claim(second))).toEqual(["1"])
    },
  },
  {
    title: "outbox: the same key again puts a parked message back into its place",
    async run({ first, second }) {
      const [id, other] = await first.enqueue([outgoing("1", romeo), outgoing("2", romeo), outgoing("3", romeo)])
      await first.settle(await claimOne(first), parked)
      await first.settle(await claimOne(first), parked)
      const [again, fresh] = await second.enqueue([outgoing("1", romeo), outgoing("4", romeo), outgoing("1", romeo)])
      expect(again).toBe(id)
      expect(await collect(first.list(juliet))).toMatchObject([
        { id, state: "waiting", because: undefined, attempts: 1 },
        { id: other, state: "parked", because: "too-large" },
        { key: "3", state: "waiting" },
        { id: fresh, state: "waiting" },
      ])
      const leased = await claimOne(first)
      expect(leased).toMatchObject({ key: "1", attempts: 2 })
      expect(leased.sealed).toEqual(outgoing("1", romeo).sealed)
      expect(await second.enqueue([outgoing("1", romeo)])).toEqual([id])
      expect(await first.settle(leased, sent("s1"))).toBe("settled")
      expect(await second.enqueue([outgoing("1", romeo)])).toEqual([id])
      expect(keysIn(await claim(first))).toEqual(["3"])
    },
  },
  {
    title: "outbox: what was sent is listed only if asked for",
    async run({ first, second }) {
      await first.enqueue([outgoing("1", romeo), outgoing("2", nurse)])
      await first.settle(await claimOne(first), sent("s1"))
      expect(keysIn(await collect(second.list(juliet)))).toEqual(["2"])
      expect(await collect(second.list(juliet, { includeSent: true }))).toMatchObject([
        { key: "1", state: "sent" },
        { key: "2", state: "leased" },
      ])
    },
  },
  {
    title: "outbox: a sent message that came back waits again in its old place",
    async run({ first, second }) {
      const entries = [outgoing("1", romeo), outgoing("2", romeo)]
      await first.enqueue(entries)
      await first.settle(await claimOne(first), sent("s1"))
      expect(await second.returned({ account: juliet, stanzaId: "s1" }, later(5000, "remote-server-timeout"))).toBe(
        "settled",
      )
      expect(await claim(first, 4999)).toEqual([])
      const again = await claimOne(first, 5000)
      expect(again).toMatchObject({ key: "1", attempts: 2 })
      expect(again.sealed).toEqual(entries[0]?.sealed)
      expect(await second.returned({ account: juliet, stanzaId: "s1" }, parked)).toBe("unknown")
    },
  },
  {
    title: "outbox: a sent message that came back can be parked; others are unknown",
    async run({ first, second }) {
      await first.enqueue([outgoing("1", romeo)])
      await first.settle(await claimOne(first), sent("s1"))
      expect(await second.returned({ account: juliet, stanzaId: "other" }, parked)).toBe("unknown")
      expect(await second.returned({ account: nurse, stanzaId: "s1" }, parked)).toBe("unknown")
      expect(await second.returned({ account: juliet, stanzaId: "s1" }, parked)).toBe("settled")
      expect(await collect(first.list(juliet))).toMatchObject([{ state: "parked", because: "too-large" }])
    },
  },
  {
    title: "outbox: forgetSent deletes sealed bytes of what was sent before, and only those",
    async run({ first, second }) {
      await first.enqueue([outgoing("1", romeo), outgoing("2", nurse), outgoing("3", tybalt)])
      const [one, two] = await claim(first)
      if (one) await first.settle(one, { kind: "sent", stanzaId: "s1", sentAt: moment(1000) })
      if (two) await first.settle(two, { kind: "sent", stanzaId: "s2", sentAt: moment(2000) })
      expect(await second.forgetSent(nurse, moment(9000))).toBe(0)
      expect(await second.forgetSent(juliet, moment(2000))).toBe(1)
      expect(await second.forgetSent(juliet, moment(2000))).toBe(0)
      const bytes = (await collect(first.list(juliet, { includeSent: true }))).map((entry) => entry.sealedBytes > 0)
      expect(bytes).toEqual([false, true, true])
      expect(await first.returned({ account: juliet, stanzaId: "s1" }, later(0))).toBe("unknown")
      expect(await first.returned({ account: juliet, stanzaId: "s2" }, later(0))).toBe("settled")
    },
  },
  {
    title: "outbox: wake makes a recipient's messages, or everybody's, claimable at once",
    async run({ first, second }) {
      await first.enqueue([
        outgoing("r", romeo),
        outgoing("n", nurse),
        outgoing("t", tybalt),
        outgoing("x", romeo, { account: nurse }),
      ])
      const leased = [...(await claim(first)), ...(await claim(first, 0, { account: nurse }))]
      for (const one of leased) if (one.key !== "t") await first.settle(one, later(3_600_000))
      await second.wake(juliet, { recipient: nurse })
      expect(keysIn(await claim(first, 1))).toEqual(["n"])
      await second.wake(juliet)
      expect(keysIn(await claim(first, 1))).toEqual(["r"])
      expect(await claim(first, 1, { account: nurse })).toEqual([])
    },
  },
  {
    title: "outbox: release makes claimable what a crash left leased, and whoever had it settles nothing",
    async run({ first, second }) {
      await first.enqueue([outgoing("1", romeo), outgoing("2", romeo), outgoing("x", romeo, { account: nurse })])
      const leased = await claimOne(first)
      await claim(first, 0, { account: nurse })
      expect(await claim(second)).toEqual([])
      expect(await second.release(juliet)).toBe(1)
      expect(await second.release(juliet)).toBe(0)
      expect(await first.settle(leased, sent("s1"))).toBe("lost")
      expect(await claim(second)).toMatchObject([{ key: "1", attempts: 2 }])
      expect(await claim(second, 1, { account: nurse })).toEqual([])
    },
  },
  {
    title: "outbox: what was dropped is gone, with its key, and whoever had it settles nothing",
    async run({ first, second }) {
      const ids = await first.enqueue([outgoing("1", romeo), outgoing("2", romeo)])
      const leased = await claimOne(first)
      expect(await second.drop([...ids.slice(0, 1), ...ids.slice(0, 1), "9999999999999999"])).toBe(1)
      expect(await first.settle(leased, sent("s1"))).toBe("lost")
      expect(keysIn(await claim(first))).toEqual(["2"])
      const [again] = await first.enqueue([outgoing("1", romeo)])
      expect((again ?? "") > (ids[1] ?? "")).toBe(true)
    },
  },
  {
    title: "outbox: an aborted call rejects with ABORTED and changes nothing",
    async run({ first }) {
      const signal = AbortSignal.abort()
      const aborted = expect.objectContaining({ code: "ABORTED" })
      await expect(first.enqueue([outgoing("1", romeo), outgoing("2", romeo)], { signal })).rejects.toEqual(aborted)
      await expect(first.claim({ account: juliet, now: moment(0), leaseMs, limit: 1, signal })).rejects.toEqual(aborted)
      expect(await collect(first.list(juliet))).toEqual([])
      expect(await first.enqueue([])).toEqual([])
    },
  },
]
