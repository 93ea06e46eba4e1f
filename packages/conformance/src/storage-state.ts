import type { AuditEvent, AuditLog, StateStore } from "@aurochs/storage"
import { expect } from "vitest"
import { type Case, describeCases, type SuiteOptions } from "./case.ts"
import { collect, everyByte, fingerprintOf, juliet, moment, nurse, type Pair, romeo } from "./storage-samples.ts"

/**
 * What every {@link StateStore} must do.
 *
 * @param name of the adapter
 * @param make two instances over the same, empty data
 */
export function describeStateStore(name: string, make: () => Promise<Pair<StateStore>>, options?: SuiteOptions): void {
  describeCases(`StateStore: ${name}`, stateStoreCases, make, options, (pair) => pair.dispose())
}

/**
 * What every {@link AuditLog} must do.
 *
 * @param name of the adapter
 * @param make two instances over the same, empty data
 */
export function describeAuditLog(name: string, make: () => Promise<Pair<AuditLog>>, options?: SuiteOptions): void {
  describeCases(`AuditLog: ${name}`, auditLogCases, make, options, (pair) => pair.dispose())
}

async function stored(store: StateStore, key: string, value: number, ifVersion?: string): Promise<string> {
  const result = await store.put(key, new Uint8Array([value]), { ifVersion })
  if (result.kind !== "stored") throw new Error("it was not stored")
  return result.version
}

/** The cases of {@link describeStateStore}. */
export const stateStoreCases: readonly Case<Pair<StateStore>>[] = [
  {
    title: "state: a value comes back with its version",
    async run({ first, second }) {
      expect(await first.get("cursor")).toBeUndefined()
      const result = await first.put("cursor", everyByte())
      expect(await second.get("cursor")).toEqual({
        bytes: everyByte(),
        version: result.kind === "stored" ? result.version : "none",
      })
      await first.put("empty / ünusual 'name'", new Uint8Array())
      expect((await second.get("empty / ünusual 'name'"))?.bytes).toEqual(new Uint8Array())
      expect(await second.get("Cursor")).toBeUndefined()
    },
  },
  {
    title: "state: put with a version stores only over that version",
    async run({ first, second }) {
      const one = await stored(first, "cursor", 1)
      const two = await stored(second, "cursor", 2, one)
      expect(two).not.toBe(one)
      expect(await first.put("cursor", new Uint8Array([3]), { ifVersion: one })).toEqual({ kind: "conflict" })
      expect(await first.put("cursor", new Uint8Array([3]), { ifVersion: "absent" })).toEqual({ kind: "conflict" })
      expect(await first.get("cursor")).toEqual({ bytes: new Uint8Array([2]), version: two })
      await stored(first, "cursor", 4)
      expect((await second.get("cursor"))?.bytes).toEqual(new Uint8Array([4]))
    },
  },
  {
    title: "state: a value that was deleted is absent, and its versions never return",
    async run({ first, second }) {
      const one = await stored(first, "cursor", 1, "absent")
      await second.delete("cursor")
      await second.delete("cursor")
      expect(await first.get("cursor")).toBeUndefined()
      expect(await first.put("cursor", new Uint8Array([2]), { ifVersion: one })).toEqual({ kind: "conflict" })
      expect(await stored(second, "cursor", 1, "absent")).not.toBe(one)
    },
  },
  {
    title: "state: of many who store over one version, one succeeds",
    async run({ first, second }) {
      const version = await stored(first, "cursor", 0)
      for (const [key, ifVersion] of [
        ["cursor", version],
        ["new", "absent"],
      ] as const) {
        const results = await Promise.all(
          Array.from({ length: 10 }, (_, index) =>
            (index % 2 ? first : second).put(key, new Uint8Array([index]), { ifVersion }),
          ),
        )
        expect(results.filter((one) => one.kind === "stored")).toHaveLength(1)
        const winner = results.findIndex((one) => one.kind === "stored")
        expect((await second.get(key))?.bytes).toEqual(new Uint8Array([winner]))
      }
    },
  },
  {
    title: "state: an aborted call rejects with ABORTED and stores nothing",
    async run({ first }) {
      const signal = AbortSignal.abort()
      const aborted = expect.objectContaining({ code: "ABORTED" })
      await expect(first.put("cursor", new Uint8Array([1]), { signal })).rejects.toEqual(aborted)
      await expect(first.get("cursor", { signal })).rejects.toEqual(aborted)
      expect(await first.get("cursor")).toBeUndefined()
    },
  },
]

const quarantined: AuditEvent = {
  at: moment(0),
  account: juliet,
  kind: "key-quarantined",
  subject: romeo,
  fingerprint: fingerprintOf("1"),
  detail: { because: "new-key", "odd 'name'": "é😀\n" },
}

/** The cases of {@link describeAuditLog}. */
export const auditLogCases: readonly Case<Pair<AuditLog>>[] = [
  {
    title: "audit: events come back as they were, oldest first",
    async run({ first, second }) {
      const started: AuditEvent = { at: moment(-1000), account: juliet, kind: "own-key-created" }
      await first.append(quarantined)
      await second.append(started)
      expect(await collect(first.read({ account: juliet }))).toEqual([quarantined, started])
    },
  },
  {
    title: "audit: read selects by account and subject",
    async run({ first, second }) {
      await first.append(quarantined)
      await first.append({ ...quarantined, subject: nurse })
      await first.append({ ...quarantined, account: nurse })
      expect(await collect(second.read({ account: juliet, subject: nurse }))).toEqual([
        { ...quarantined, subject: nurse },
      ])
      expect(await collect(second.read({ account: nurse }))).toHaveLength(1)
      expect(await collect(second.read({ account: romeo }))).toEqual([])
    },
  },
  {
    title: "audit: of events that are written at once none is lost",
    async run({ first, second }) {
      await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          (index % 2 ? first : second).append({ ...quarantined, detail: { number: String(10 + index) } }),
        ),
      )
      const numbers = (await collect(second.read({ account: juliet }))).map((event) => event.detail?.number).sort()
      expect(numbers).toEqual(Array.from({ length: 12 }, (_, index) => String(10 + index)))
    },
  },
  {
    title: "audit: an aborted call rejects with ABORTED and writes nothing",
    async run({ first }) {
      const aborted = expect.objectContaining({ code: "ABORTED" })
      await expect(first.append(quarantined, { signal: AbortSignal.abort() })).rejects.toEqual(aborted)
      expect(await collect(first.read({ account: juliet }))).toEqual([])
    },
  },
]
