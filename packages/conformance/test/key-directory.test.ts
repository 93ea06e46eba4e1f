import { AurochsError, bareJid, fingerprint, throwIfAborted } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import type { KeyDirectory } from "@aurochs/keys"
import { expect, test } from "vitest"
import { describeKeyDirectory, keyDirectoryCases, runCase } from "../src/index.ts"

const owner = bareJid("juliet@example.org")
const certificates = [1, 2].map(
  (n): CertificateInfo => ({
    fingerprint: fingerprint(String(n).repeat(40)),
    bytes: new Uint8Array([n, n, n]),
    userIds: [{ text: `xmpp:${owner}`, status: "valid" }],
    createdAt: new Date(0),
    canEncrypt: true,
    canSign: true,
    algorithm: "ed25519Legacy",
  }),
)

/** A directory in memory: its certificates are three bytes, the first of which makes the fingerprint. */
function memoryDirectory(): KeyDirectory {
  const kept = new Map<string, Uint8Array>()
  const listeners = new Set<() => void>()
  return {
    name: "memory",
    async *lookup(query, options) {
      throwIfAborted(options)
      for (const [print, bytes] of kept) {
        if (query.fingerprint !== undefined && query.fingerprint !== print) continue
        yield { bytes, source: "memory", binds: "account" }
      }
    },
    async publish(certificate) {
      if (certificate.fingerprint !== String(certificate.bytes[0]).repeat(40)) {
        throw new AurochsError("BAD_DATA", "another certificate", { what: "certificate" })
      }
      kept.set(certificate.fingerprint, certificate.bytes)
      for (const tell of listeners) tell()
    },
    async retract(print) {
      kept.delete(print)
    },
    changes: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise((resolve) => listeners.add(() => resolve({ value: owner, done: false }))),
        return: async () => ({ value: undefined, done: true }),
      }),
    }),
  }
}

const subject = (directory: KeyDirectory) => ({
  directory,
  owner,
  certificates,
  [Symbol.asyncDispose]: async () => {},
})

describeKeyDirectory("in memory", async () => subject(memoryDirectory()))

/** Titles of the cases that this directory does not pass. */
async function failed(change: (good: KeyDirectory) => Partial<KeyDirectory>): Promise<string[]> {
  const titles: string[] = []
  for (const one of keyDirectoryCases) {
    const good = memoryDirectory()
    const result = await runCase(one, subject({ ...good, ...change(good) }))
    if (result.outcome === "failed") titles.push(one.title)
  }
  return titles
}

test("the suite catches a directory that overwrites other keys (A33)", async () => {
  const broken = await failed((good) => ({
    async publish(certificate) {
      for (const other of certificates) await good.retract?.(other.fingerprint)
      await good.publish?.(certificate)
    },
  }))
  expect(broken).toContain("a second key stands beside the first (R52)")
})

test("the suite catches a directory that names a key twice (R31)", async () => {
  const broken = await failed((good) => ({
    async *lookup(query, options) {
      for await (const one of good.lookup(query, options)) {
        yield one
        yield one
      }
    },
  }))
  expect(broken).toContain("publishing again changes nothing: no key twice (R31)")
})

test("the suite catches a directory that takes any bytes for any fingerprint", async () => {
  const broken = await failed((good) => ({
    publish: async (certificate) => good.publish?.({ ...certificate, bytes: certificate.bytes }).catch(() => {}),
  }))
  expect(broken).toEqual(["a certificate under another one's fingerprint is refused with BAD_DATA"])
})

test("the suite catches a directory that throws where nothing was found", async () => {
  const broken = await failed((good) => ({
    async *lookup(query, options) {
      let count = 0
      for await (const one of good.lookup(query, options)) {
        count++
        yield one
      }
      if (count === 0) throw new AurochsError("STANZA_ERROR", "none", { condition: "item-not-found", type: "cancel" })
    },
  }))
  expect(broken).toContain("an account without keys has nothing: empty, not an error")
})

/** A directory that only reads, and what is behind it. */
function readingOnly(change: (good: KeyDirectory) => Partial<KeyDirectory> = () => ({})) {
  const good = memoryDirectory()
  const { name, lookup } = { ...good, ...change(good) }
  const stock = async (certificates: readonly CertificateInfo[]) => {
    for (const one of certificates) await good.publish?.(one)
  }
  return { ...subject({ name, lookup }), stock }
}

test("a directory that only reads skips what publishes, and passes the rest", async () => {
  const results = await Promise.all(keyDirectoryCases.map((one) => runCase(one, readingOnly())))
  expect(results.filter((one) => one.outcome === "failed")).toEqual([])
  expect(results.filter((one) => one.outcome === "passed")).toHaveLength(7)
})

test("the suite catches a source that gives other keys than were asked for", async () => {
  const deaf = () =>
    readingOnly((good) => ({ lookup: ({ owner: of }, options) => good.lookup({ owner: of }, options) }))
  const results = await Promise.all(keyDirectoryCases.map((one) => runCase(one, deaf())))
  const broken = keyDirectoryCases.filter((_, i) => results[i]?.outcome === "failed").map(({ title }) => title)
  expect(broken).toEqual(["a lookup by the fingerprint of what is there gives it, by another one nothing"])
})

test("the suite catches a switch without a notice", async () => {
  const broken = await failed(() => ({ notice: "" }))
  expect(broken).toEqual([
    "a source that does not ask the account's own servers says what it tells to whom, others do not",
  ])
})

test("a directory that only reads and was not stocked fails: nothing was shown", async () => {
  const { name, lookup } = memoryDirectory()
  const results = await Promise.all(keyDirectoryCases.map((one) => runCase(one, subject({ name, lookup }))))
  expect(results.filter((one) => one.outcome === "failed")).toHaveLength(3)
})
