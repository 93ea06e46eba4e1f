import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cryptoRandom } from "@aurochs/core"
import { authenticatedKeys, decideKey, hearTrust, judgeKeys, type KeyDirectory, refreshKeys, tofu } from "@aurochs/keys"
import { type EmbeddedPostgres, embeddedPostgres } from "@aurochs/postgres-embedded"
import type { Storage } from "@aurochs/storage"
import { migrate, postgresStorage } from "@aurochs/storage-postgres"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { collect, juliet, julietKeys, type Made, makeKey, romeo, standingClock } from "./people.ts"

const { provider, keys } = await julietKeys(1)
const [own] = keys as [Made]
const [a, b] = [await makeKey(provider, romeo), await makeKey(provider, romeo)]
const clock = standingClock()
const random = cryptoRandom()

let folder: string
let server: EmbeddedPostgres
/** Two programs, each with its own connections. */
let storages: readonly [Storage, Storage]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-at-once-"))
  await chmod(folder, 0o711)
  server = await embeddedPostgres({ folder: join(folder, "postgres"), durable: false })
  await migrate({ url: server.url })
  const open = () => postgresStorage({ url: server.url, maxConnections: 2 })
  storages = [await open(), await open()]
})

afterAll(async () => {
  for (const storage of storages ?? []) await storage[Symbol.asyncDispose]()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

const program = ({ keys: rows, state, audit }: Storage, ms: number) => {
  const own_ = () => ({ current: own.key, all: [own.key] })
  const later = standingClock(new Date(clock.now().getTime() + ms).toISOString())
  const store = authenticatedKeys({ account: juliet, keys: rows, state, provider, own: own_, clock: later, random })
  return { account: juliet, owner: romeo, keys: store, state, audit, provider, clock: later, own: [own.info] }
}

const directory: KeyDirectory = {
  name: "pep",
  async *lookup() {
    for (const { small } of [a, b]) yield { bytes: small.bytes, source: "pep", binds: "account" }
  },
}

describe("two programs at the same time, on PostgreSQL", () => {
  test("read the first list: both keys are of it, whoever was faster", async () => {
    const programs = storages.map((storage, i) => program(storage, i * 10))
    await Promise.all(programs.map((one) => refreshKeys({ ...one, directory })))
    const known = await collect(program(storages[0], 20).keys.keysOf(romeo))
    const judged = await judgeKeys({ owner: romeo, known, provider, trust: tofu(), now: clock.now() })
    expect(judged.map(({ decision }) => decision.level)).toEqual(["first-use", "first-use"])
    expect(new Set(known.map(({ firstSeen }) => firstSeen.getTime())).size).toBe(1)
  })

  test("decide, write certificates and hear messages: nothing is lost", async () => {
    const [one, two] = [program(storages[0], 30), program(storages[1], 30)]
    const [before] = (await collect(one.keys.keysOf(romeo))).filter((key) => key.fingerprint === a.small.fingerprint)
    const words = Array.from({ length: 3 }, (_, i) => i).map((minute) => {
      const writtenAt = new Date(clock.now().getTime() + minute * 60_000)
      const word = { owner: romeo, fingerprint: b.small.fingerprint, says: "trust" } as const
      return hearTrust([word], { sender: romeo, signedBy: a.small.fingerprint, writtenAt }, minute === 1 ? one : two)
    })
    await Promise.all([
      decideKey({ ...one, fingerprint: a.small.fingerprint, approval: "distrusted" }),
      ...[1, 2, 3].map(() => before && two.keys.put({ ...before, announced: true })),
      ...words,
    ])
    const known = await collect(program(storages[0], 40).keys.keysOf(romeo))
    expect(known.map(({ fingerprint, approval }) => [fingerprint, approval]).toSorted()).toEqual(
      [
        [a.small.fingerprint, "distrusted"],
        [b.small.fingerprint, "none"],
      ].toSorted(),
    )
  })
})
