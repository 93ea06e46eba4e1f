import type { BareJid, Fingerprint, KnownKey } from "@aurochs/core"
import type { AuthenticatedKeys } from "@aurochs/keys"
import { memoryStorage } from "@aurochs/storage"
import { describe, expect, test } from "vitest"
import { recentKeys } from "../src/recent-keys.ts"
import { testClock } from "./clock.ts"

const owner: BareJid = "juliet@example.org"

function key(fingerprint: string, approval: KnownKey["approval"] = "none"): KnownKey {
  const facts = { source: "pep", binds: "account", announced: true, approval } as const
  return { owner, fingerprint: fingerprint as Fingerprint, bytes: Uint8Array.of(1), firstSeen: new Date(0), ...facts }
}

/** A store that counts how often it is read, and can be held up. */
function counted() {
  const { keys } = memoryStorage()
  const counting = { reads: 0, gate: Promise.resolve() }
  const store: AuthenticatedKeys = {
    ...keys,
    async *keysOf(of, options) {
      counting.reads += 1
      const now = await Array.fromAsync(keys.keysOf(of, options))
      await counting.gate
      yield* now
    },
    async decide(of, fingerprint, approval) {
      for await (const key of keys.keysOf(of)) if (key.fingerprint === fingerprint) await keys.put({ ...key, approval })
    },
    async ownKeyChanged() {},
    async readValue() {},
    async changeValue() {},
  }
  return { counting, store, keys }
}

describe("keys that were read just now", () => {
  test("are read once in a second, for each owner", async () => {
    const clock = testClock()
    const { counting, store, keys } = counted()
    const recent = recentKeys(store, clock)
    await keys.put(key("A"))
    for (let time = 0; time < 5; time++) expect(await recent.recent(owner)).toMatchObject([{ fingerprint: "A" }])
    expect(counting.reads).toBe(1)
    await recent.recent("romeo@example.org")
    expect(counting.reads).toBe(2)
    // By another process.
    await keys.put(key("A", "distrusted"))
    await clock.advance(1_000)
    expect(await recent.recent(owner)).toMatchObject([{ approval: "distrusted" }])
  })

  test("what this process changes counts at once, also while they are being read", async () => {
    const { counting, store } = counted()
    const recent = recentKeys(store, testClock())
    await recent.put(key("A"))
    expect(await recent.recent(owner)).toMatchObject([{ approval: "none" }])
    await recent.put(key("A", "distrusted"))
    expect(await recent.recent(owner)).toMatchObject([{ approval: "distrusted" }])
    await recent.remove(owner, "A" as Fingerprint)
    const gate = Promise.withResolvers<void>()
    counting.gate = gate.promise
    const slow = recent.recent(owner)
    await recent.put(key("B"))
    gate.resolve()
    expect(await slow).toEqual([])
    expect(await recent.recent(owner)).toMatchObject([{ fingerprint: "B" }])
  })

  test("of a thousand owners at most", async () => {
    const { counting, store } = counted()
    const recent = recentKeys(store, testClock())
    for (let at = 0; at <= 1_000; at++) await recent.recent(`a${at}@example.org`)
    await recent.recent("a1000@example.org")
    expect(counting.reads).toBe(1_001)
    await recent.recent("a0@example.org")
    expect(counting.reads).toBe(1_002)
  })
})
