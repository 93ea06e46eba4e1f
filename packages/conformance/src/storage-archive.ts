import type { Archive, ArchiveEntry, ArchiveId, EntryVerdict } from "@aurochs/storage"
import { expect } from "vitest"
import { type Case, describeCases, type SuiteOptions } from "./case.ts"
import {
  collect,
  everyByte,
  fingerprintOf,
  incoming,
  juliet,
  moment,
  nurse,
  type Pair,
  romeo,
  textsIn,
} from "./storage-samples.ts"

/**
 * What every {@link Archive} must do.
 *
 * @param name of the adapter
 * @param make two instances over the same, empty data
 */
export function describeArchive(name: string, make: () => Promise<Pair<Archive>>, options?: SuiteOptions): void {
  describeCases(`Archive: ${name}`, archiveCases, make, options, (pair) => pair.dispose())
}

const noId: ArchiveId = "9999999999999999"
const rejected: EntryVerdict = { outcome: "rejected", reason: "signature", stranger: true }
const secure: EntryVerdict = {
  outcome: "secure",
  signer: fingerprintOf("1"),
  writtenAt: moment(-5000),
}

async function fill(archive: Archive, texts: readonly string[]): Promise<ArchiveId[]> {
  const ids: ArchiveId[] = []
  for (const text of texts) ids.push((await archive.append(incoming(text))).id)
  return ids
}

const all = (archive: Archive): Promise<ArchiveEntry[]> => collect(archive.read({ account: juliet }))

/** The cases of {@link describeArchive}. */
export const archiveCases: readonly Case<Pair<Archive>>[] = [
  {
    title: "archive: an entry comes back as it was carried",
    async run({ first, second }) {
      const entry = incoming("hello", {
        openpgp: everyByte(),
        via: "carbon-received",
        stampedAt: moment(-60_000),
        storedAt: moment(1),
        verdict: { ...secure, reason: "why", stranger: false },
      })
      const { id, isNew } = await first.append(entry)
      expect(isNew).toBe(true)
      for (const archive of [first, second]) expect(await archive.get(id)).toEqual({ ...entry, id, handled: false })
      const bare = incoming("no OpenPGP in it", { openpgp: undefined, via: "mam" })
      const other = await second.append(bare)
      expect(await collect(first.read({ account: juliet, after: id }))).toEqual([
        { ...bare, id: other.id, handled: false },
      ])
    },
  },
  {
    title: "archive: what is not there is undefined, and changes to it change nothing",
    async run({ first }) {
      expect(await first.get(noId)).toBeUndefined()
      await first.setVerdict(noId, secure)
      await first.markHandled(noId)
      expect(await first.remove([noId])).toBe(0)
      expect(await all(first)).toEqual([])
      expect(await collect(first.unhandled(juliet))).toEqual([])
    },
  },
  {
    title: "archive: the same OpenPGP bytes again give the first id and change nothing",
    async run({ first, second }) {
      const { id } = await first.append(incoming("one"))
      await first.setVerdict(id, secure)
      await first.markHandled(id)
      const again = incoming("in another stanza", {
        openpgp: incoming("one").openpgp,
        via: "mam",
        peer: nurse,
        verdict: rejected,
      })
      expect(await second.append(again)).toEqual({ id, isNew: false })
      expect(await all(second)).toEqual([{ ...incoming("one"), id, handled: true, verdict: secure }])
    },
  },
  {
    title: "archive: without OpenPGP bytes, the same stanza is the same entry, another stanza is not",
    async run({ first, second }) {
      const { id } = await first.append(incoming("one", { openpgp: undefined }))
      const { name, namespace, attributes, children } = incoming("one").stanza
      const turned = { children, attributes: Object.fromEntries(Object.entries(attributes).reverse()), namespace, name }
      expect(await second.append(incoming("one", { openpgp: undefined, stanza: turned }))).toEqual({ id, isNew: false })
      expect((await second.append(incoming("two", { openpgp: undefined }))).isNew).toBe(true)
      expect((await second.append(incoming("one"))).isNew).toBe(true)
    },
  },
  {
    title: "archive: the same bytes in the other direction or of another account are another entry",
    async run({ first }) {
      const changes = [{}, { direction: "out", via: "sent" }, { account: nurse }] as const
      for (const change of changes) expect((await first.append(incoming("one", change))).isNew).toBe(true)
      expect(await all(first)).toHaveLength(2)
      expect(await collect(first.read({ account: nurse }))).toHaveLength(1)
    },
  },
  {
    title: "archive: of many appends of one message at once, one is new",
    async run({ first, second }) {
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, index) => (index % 2 ? first : second).append(incoming("one"))),
      )
      expect(results.filter((one) => one.isNew)).toHaveLength(1)
      expect(new Set(results.map((one) => one.id)).size).toBe(1)
      expect(await all(first)).toHaveLength(1)
    },
  },
  {
    title: "archive: of many different appends at once each has its own id; copies among them share one",
    async run({ first, second }) {
      const texts = Array.from({ length: 60 }, (_, index) => `number ${index % 40}`)
      const results = await Promise.all(
        texts.map((text, index) => (index % 3 ? first : second).append(incoming(text, { storedAt: moment(index) }))),
      )
      expect(results.filter((one) => one.isNew)).toHaveLength(40)
      const ids = new Map<string, string>()
      for (const entry of await all(second)) ids.set(textsIn([entry])[0] ?? "", entry.id)
      expect(results.map((one) => one.id)).toEqual(texts.map((text) => ids.get(text)))
      const again = await Promise.all(texts.map((text) => second.append(incoming(text))))
      expect(again).toEqual(results.map(({ id }) => ({ id, isNew: false })))
    },
  },
  {
    title: "archive: what one caller appends at once gets ids in the order of the calls",
    async run({ first }) {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) => first.append(incoming(`number ${index}`))),
      )
      const ids = results.map((one) => one.id)
      expect([...ids].sort()).toEqual(ids)
    },
  },
  {
    title: "archive: many verdicts and marks at once each reach their entry; the last of several counts",
    async run({ first, second }) {
      const ids = await fill(first, ["a", "b", "c", "d"])
      const [a, b, c, d] = ids
      if (a === undefined || b === undefined || c === undefined || d === undefined)
        throw new Error("nothing was appended")
      await Promise.all([
        first.setVerdict(a, rejected),
        first.setVerdict(b, rejected),
        first.setVerdict(b, secure),
        second.setVerdict(c, { outcome: "unverified", reason: "unknown-key" }),
        first.setVerdict(noId, secure),
        first.markHandled(a),
        second.markHandled(c),
        second.markHandled(d, { verdict: secure }),
        first.markHandled(noId, { verdict: secure }),
      ])
      expect((await all(second)).map((entry) => [entry.handled, entry.verdict])).toEqual([
        [true, rejected],
        [false, secure],
        [true, { outcome: "unverified", reason: "unknown-key" }],
        [true, secure],
      ])
      await first.markHandled(d)
      expect((await second.get(d))?.verdict).toEqual(secure)
    },
  },
  {
    title: "archive: ids grow in the order of arrival and compare as text",
    async run({ first, second }) {
      const ids: ArchiveId[] = []
      for (let index = 0; index < 15; index++)
        ids.push((await (index % 2 ? first : second).append(incoming(`number ${index}`))).id)
      expect([...ids].sort()).toEqual(ids)
      expect(new Set(ids).size).toBe(ids.length)
      expect((await all(second)).map((entry) => entry.id)).toEqual(ids)
    },
  },
  {
    title: "archive: read selects by peer, direction, outcome and time",
    async run({ first, second }) {
      await first.append(incoming("a", { stampedAt: moment(1000), storedAt: moment(9000), verdict: secure }))
      await first.append(incoming("b", { peer: nurse, storedAt: moment(2000), verdict: rejected }))
      await first.append(incoming("c", { direction: "out", via: "sent", storedAt: moment(3000), verdict: secure }))
      await first.append(incoming("d", { storedAt: moment(4000) }))
      const texts = async (query: Partial<Parameters<Archive["read"]>[0]>) =>
        textsIn(await collect(second.read({ account: juliet, ...query }))).join("")
      expect(await texts({})).toBe("abcd")
      expect(await texts({ peer: nurse })).toBe("b")
      expect(await texts({ direction: "out" })).toBe("c")
      expect(await texts({ outcome: "secure" })).toBe("ac")
      expect(await texts({ since: moment(2000) })).toBe("bcd")
      expect(await texts({ before: moment(2000) })).toBe("a")
      expect(await texts({ since: moment(1000), before: moment(3000), peer: romeo })).toBe("a")
      expect(await texts({ account: nurse })).toBe("")
    },
  },
  {
    title: "archive: read goes on behind an entry, in both orders, up to a limit",
    async run({ first, second }) {
      const ids = await fill(first, ["a", "b", "c", "d", "e"])
      const texts = async (query: Partial<Parameters<Archive["read"]>[0]>) =>
        textsIn(await collect(second.read({ account: juliet, ...query }))).join("")
      expect(await texts({ limit: 2 })).toBe("ab")
      expect(await texts({ after: ids[1], limit: 2 })).toBe("cd")
      expect(await texts({ after: ids[4] })).toBe("")
      expect(await texts({ order: "new-first" })).toBe("edcba")
      expect(await texts({ order: "new-first", after: ids[3], limit: 2 })).toBe("cb")
      expect(await texts({ limit: 0 })).toBe("")
      expect(await first.remove(ids.slice(1, 2))).toBe(1)
      expect(await texts({ after: ids[1], limit: 1 })).toBe("c")
    },
  },
  {
    title: "archive: a verdict given later replaces the one before",
    async run({ first, second }) {
      const { id } = await first.append(incoming("one"))
      await first.setVerdict(id, { outcome: "unverified", reason: "unknown-key", stranger: true })
      await second.setVerdict(id, secure)
      expect((await first.get(id))?.verdict).toEqual(secure)
      expect(await collect(first.read({ account: juliet, outcome: "unverified" }))).toEqual([])
    },
  },
  {
    title: "archive: unhandled gives what came in and was not handled, oldest first",
    async run({ first, second }) {
      const [a, b, c] = await fill(first, ["a", "b", "c"])
      await first.append(incoming("sent", { direction: "out", via: "sent" }))
      await first.append(incoming("of another account", { account: nurse }))
      expect(textsIn(await collect(second.unhandled(juliet)))).toEqual(["a", "b", "c"])
      if (b) await second.markHandled(b)
      expect(textsIn(await collect(first.unhandled(juliet)))).toEqual(["a", "c"])
      expect((await first.get(b ?? noId))?.handled).toBe(true)
      for (const id of [a, c]) if (id) await first.markHandled(id)
      expect(await collect(second.unhandled(juliet))).toEqual([])
    },
  },
  {
    title: "archive: remove counts what was there; ids are not given again",
    async run({ first, second }) {
      const ids = await fill(first, ["a", "b", "c"])
      expect(await second.remove([...ids.slice(1), ...ids.slice(1), noId])).toBe(2)
      expect(textsIn(await all(first))).toEqual(["a"])
      const { id, isNew } = await first.append(incoming("c"))
      expect(isNew).toBe(true)
      expect(id > (ids[2] ?? "")).toBe(true)
    },
  },
  {
    title: "archive: a reader goes on when an entry is removed before it",
    async run({ first, second }) {
      const ids = await fill(first, ["a", "b", "c"])
      const seen: ArchiveEntry[] = []
      for await (const entry of first.read({ account: juliet })) {
        seen.push(entry)
        if (seen.length === 1) await second.remove(ids.slice(0, 1))
      }
      expect(textsIn(seen)).toEqual(["a", "b", "c"])
    },
  },
  {
    title: "archive: strangers' entries are bounded by number, the oldest go first",
    async run({ first, second }) {
      const ids = await fill(first, ["a", "b", "c", "d", "e"])
      for (const id of ids.slice(1)) await first.setVerdict(id, rejected)
      await first.append(incoming("other account", { account: nurse, verdict: rejected }))
      expect(await second.boundStrangers(juliet, { maxEntries: 2, maxBytes: 1_000_000 })).toBe(2)
      expect(textsIn(await all(first))).toEqual(["a", "d", "e"])
      expect(await second.boundStrangers(juliet, { maxEntries: 2, maxBytes: 1_000_000 })).toBe(0)
      expect(await collect(first.read({ account: nurse }))).toHaveLength(1)
    },
  },
  {
    title: "archive: strangers' entries are bounded by bytes",
    async run({ first }) {
      for (const text of ["a", "b", "c"])
        await first.append(incoming(text, { stanza: incoming(text.repeat(10_000)).stanza, verdict: rejected }))
      expect(await first.boundStrangers(juliet, { maxEntries: 10, maxBytes: 25_000 })).toBe(1)
      expect(await first.boundStrangers(juliet, { maxEntries: 10, maxBytes: 100 })).toBe(2)
      expect(await all(first)).toEqual([])
    },
  },
  {
    title: "archive: a large entry comes back whole",
    async run({ first, second }) {
      const openpgp = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251)
      const entry = incoming("😀".repeat(100_000), { openpgp })
      const { id } = await first.append(entry)
      const found = await second.get(id)
      expect(found?.stanza).toEqual(entry.stanza)
      expect(Buffer.compare(found?.openpgp ?? new Uint8Array(), openpgp)).toBe(0)
    },
  },
  {
    title: "archive: an aborted call rejects with ABORTED and changes nothing",
    async run({ first }) {
      const signal = AbortSignal.abort()
      const aborted = expect.objectContaining({ code: "ABORTED" })
      const { id } = await first.append(incoming("kept"))
      await expect(first.append(incoming("one"), { signal })).rejects.toEqual(aborted)
      await expect(first.remove([id], { signal })).rejects.toEqual(aborted)
      await expect(collect(first.read({ account: juliet }, { signal }))).rejects.toEqual(aborted)
      expect(textsIn(await all(first))).toEqual(["kept"])
    },
  },
]
