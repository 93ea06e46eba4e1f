import type { Storage } from "@aurochs/storage"
import { expect, test } from "vitest"
import { type Case, describeCases, type SuiteOptions, unsupported } from "./case.ts"
import { archiveCases } from "./storage-archive.ts"
import { keyStoreCases, secretStoreCases } from "./storage-keys.ts"
import { outboxCases } from "./storage-outbox.ts"
import { collect, incoming, juliet, knownKey, moment, outgoing, type Pair, romeo } from "./storage-samples.ts"
import { seenCases } from "./storage-seen.ts"
import { auditLogCases, stateStoreCases } from "./storage-state.ts"

/** Data that was empty at first. */
export interface StorageSubject {
  /** Another instance over the same data; a store without durable data may give the same one each time. */
  open(): Promise<Storage>
  /** Called once the instances were disposed. */
  dispose(): Promise<void>
}

/**
 * What every {@link Storage} must do: the suites of all its ports, each with two instances over the same data, and that
 * what is durable outlives them.
 *
 * @param name of the adapter
 * @param make fresh, empty data
 */
export function describeStorage(name: string, make: () => Promise<StorageSubject>, options: SuiteOptions = {}): void {
  const skip = options.skip ?? {}
  const known = new Set<string>()
  const suite = <Port>(port: string, cases: readonly Case<Pair<Port>>[], part: (storage: Storage) => Port) => {
    for (const one of cases) known.add(one.title)
    const own = Object.fromEntries(Object.entries(skip).filter(([title]) => cases.some((one) => one.title === title)))
    describeCases(
      `${port}: ${name}`,
      cases,
      () => pairOf(make, part),
      { skip: own },
      (pair) => pair.dispose(),
    )
  }
  suite("Archive", archiveCases, (storage) => storage.archive)
  suite("Outbox", outboxCases, (storage) => storage.outbox)
  suite("SeenSet", seenCases, (storage) => storage.seen)
  suite("KeyStore", keyStoreCases, (storage) => storage.keys)
  suite("SecretStore", secretStoreCases, (storage) => storage.secrets)
  suite("StateStore", stateStoreCases, (storage) => storage.state)
  suite("AuditLog", auditLogCases, (storage) => storage.audit)
  for (const one of storageCases) known.add(one.title)
  const own = Object.fromEntries(
    Object.entries(skip).filter(([title]) => storageCases.some((one) => one.title === title)),
  )
  describeCases(`Storage: ${name}`, storageCases, make, { skip: own }, (subject) => subject.dispose())
  for (const title of Object.keys(skip).filter((one) => !known.has(one)))
    test(`Storage: ${name} skips a case that exists: ${title}`, () => {
      throw new Error(`there is no case with the title "${title}"`)
    })
}

async function pairOf<Port>(
  make: () => Promise<StorageSubject>,
  part: (storage: Storage) => Port,
): Promise<Pair<Port>> {
  const subject = await make()
  const [first, second] = [await subject.open(), await subject.open()]
  return {
    first: part(first),
    second: part(second),
    async dispose() {
      await first[Symbol.asyncDispose]()
      await second[Symbol.asyncDispose]()
      await subject.dispose()
    },
  }
}

/** What concerns all ports together. */
const storageCases: readonly Case<StorageSubject>[] = [
  {
    title: "storage: what is durable outlives the instance that stored it",
    async run(subject) {
      const before = await subject.open()
      if (!before.durable) {
        await before[Symbol.asyncDispose]()
        unsupported("nothing is durable here")
      }
      const { id } = await before.archive.append(incoming("one"))
      await before.archive.append(incoming("removed"))
      const removed = (await collect(before.archive.read({ account: juliet, after: id }))).map((entry) => entry.id)
      await before.archive.remove(removed)
      await before.outbox.enqueue([outgoing("1", romeo), outgoing("2", romeo)])
      const [leased] = await before.outbox.claim({ account: juliet, now: moment(0), leaseMs: 1000, limit: 1 })
      await before.seen.claim("digest", "stanza")
      await before.keys.put(knownKey("1"))
      await before.secrets.save(juliet, new Uint8Array([1]))
      await before.state.put("cursor", new Uint8Array([2]))
      await before.audit.append({ at: moment(0), account: juliet, kind: "started" })
      await before[Symbol.asyncDispose]()

      const after = await subject.open()
      try {
        expect(await collect(after.archive.unhandled(juliet))).toEqual([{ ...incoming("one"), id, handled: false }])
        expect((await after.archive.append(incoming("next"))).id > (removed[0] ?? "")).toBe(true)
        expect(leased && (await after.outbox.settle(leased, { kind: "parked", because: "x" }))).toBe("settled")
        expect(await collect(after.outbox.list(juliet))).toMatchObject([{ state: "parked" }, { state: "waiting" }])
        expect(await after.seen.claim("digest", "another")).toBe("elsewhere")
        expect(await collect(after.keys.keysOf(romeo))).toEqual([knownKey("1")])
        expect(await after.secrets.load(juliet)).toEqual([new Uint8Array([1])])
        expect((await after.state.get("cursor"))?.bytes).toEqual(new Uint8Array([2]))
        expect(await collect(after.audit.read({ account: juliet }))).toHaveLength(1)
      } finally {
        await after[Symbol.asyncDispose]()
      }
    },
  },
  {
    title: "storage: disposing twice is harmless",
    async run(subject) {
      const storage = await subject.open()
      await storage.state.put("cursor", new Uint8Array([1]))
      await storage[Symbol.asyncDispose]()
      await storage[Symbol.asyncDispose]()
    },
  },
]
