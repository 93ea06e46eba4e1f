import { AurochsError, type BareJid, bareJid, type CallOptions, isAurochsError, throwIfAborted } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import { cached, chain, type Found, type KeyDirectory, type Missing, merged, stopAtAnything } from "../src/index.ts"
import { info, juliet, print } from "./samples.ts"

const romeo = bareJid("romeo@example.net")
const found = (source: string, n: number, o: Partial<Found> = {}): Found => ({
  bytes: new Uint8Array([n]),
  source,
  binds: "nothing",
  ...o,
})

interface Source extends KeyDirectory {
  readonly asked: BareJid[]
  answer(items: readonly (Found | Missing)[]): void
  fail(error: unknown): void
}

/** A directory that says what it was told. */
function source(name: string, items: readonly (Found | Missing)[] = [], more: Partial<KeyDirectory> = {}): Source {
  let say: readonly (Found | Missing)[] = items
  let error: unknown
  const asked: BareJid[] = []
  return {
    name,
    asked,
    answer: (next) => {
      say = next
      error = undefined
    },
    fail: (next) => {
      error = next
    },
    async *lookup(query, options) {
      throwIfAborted(options)
      asked.push(query.owner)
      if (error !== undefined) throw error
      yield* say
    },
    ...more,
  }
}

const away = new AurochsError("NETWORK", "away", { phase: "timeout" })
const ask = (directory: KeyDirectory, owner = juliet, options?: CallOptions) =>
  Array.fromAsync(directory.lookup({ owner }, options))

describe("chain", () => {
  test("asks in order and stops at the first that has anything: later ones never hear of the contact", async () => {
    const [pep, wkd, hkp] = [source("pep"), source("wkd", [found("wkd", 1)]), source("hkp", [found("hkp", 2)])]
    expect(await ask(chain([pep, wkd, hkp]))).toEqual([found("wkd", 1)])
    expect([pep.asked, wkd.asked, hkp.asked]).toEqual([[juliet], [juliet], []])
  })

  test("a named gap is something: it does not send the question on", async () => {
    const pep = source("pep", [{ missing: print(1), because: "not-found" }])
    const hkp = source("hkp", [found("hkp", 2)])
    await ask(chain([pep, hkp]))
    expect(hkp.asked).toEqual([])
    expect(stopAtAnything([])).toBe(false)
  })

  test("the stop rule sees everything found so far", async () => {
    const [a, b, c] = [source("a", [found("a", 1)]), source("b", [found("b", 2)]), source("c", [found("c", 3)])]
    expect(await ask(chain([a, b, c], { stop: (items) => items.length === 2 }))).toEqual([found("a", 1), found("b", 2)])
    expect(c.asked).toEqual([])
  })

  test("a source that is away is not one that has nothing: no weaker one is asked (A6)", async () => {
    const [pep, hkp] = [source("pep"), source("hkp", [found("hkp", 1)])]
    pep.fail(away)
    await expect(ask(chain([pep, hkp]))).rejects.toBe(away)
    await expect(ask(chain([pep, hkp], { onFailure: () => {} }))).rejects.toBe(away)
    expect(hkp.asked).toEqual([])
  })

  test("with onFailure a later one that is away is told and passed over", async () => {
    const [pep, wkd, hkp] = [source("pep"), source("wkd"), source("hkp", [found("hkp", 1)])]
    wkd.fail(away)
    const failures: unknown[] = []
    expect(await ask(chain([pep, wkd, hkp], { onFailure: (f) => failures.push(f) }))).toEqual([found("hkp", 1)])
    expect(failures).toEqual([{ source: "wkd", owner: juliet, error: away }])
  })

  test("only the first one's answer is always complete, and only it can say that a key is gone", () => {
    expect(chain([source("pep"), source("wkd")])).toMatchObject({ name: "pep>wkd", sources: ["pep"] })
  })
})

describe("merged", () => {
  test("the union, each with where it came from", async () => {
    const gap: Missing = { missing: print(3), because: "too-large", candidate: true }
    const directory = merged([source("pep", [found("pep", 1, { binds: "account" })])], {
      optional: [source("wkd", [found("wkd", 1), found("wkd", 2)]), source("hkp", [gap])],
    })
    expect((await ask(directory)).map((one) => ("bytes" in one ? [one.source, one.bytes[0]] : one.because))).toEqual([
      ["pep", 1],
      ["wkd", 1],
      ["wkd", 2],
      "too-large",
    ])
    expect(directory).toMatchObject({ name: "pep+wkd+hkp", sources: ["pep"] })
  })

  test("a required source that is away ends it, an optional one is told (A6)", async () => {
    const [pep, hkp] = [source("pep", [found("pep", 1)]), source("hkp", [found("hkp", 2)])]
    hkp.fail(away)
    const failures: unknown[] = []
    const directory = merged([pep], { optional: [hkp], onFailure: (failure) => failures.push(failure) })
    expect(await ask(directory)).toEqual([found("pep", 1)])
    expect(failures).toEqual([{ source: "hkp", owner: juliet, error: away }])
    pep.fail(away)
    await expect(ask(directory)).rejects.toBe(away)
    await expect(ask(merged([pep, hkp]))).rejects.toBe(away)
  })

  test("publishes where it can also be taken back, and tells the changes of all", async () => {
    const did: string[] = []
    async function* two() {
      yield juliet
    }
    async function* one() {
      yield romeo
    }
    const hkp = source("hkp", [], { publish: async () => void did.push("hkp") })
    const pep = source("pep", [], {
      publish: async () => void did.push("pep"),
      retract: async () => void did.push("retract"),
      changes: one,
    })
    const directory = merged([hkp, pep, source("x", [], { changes: two })])
    await directory.publish?.(info(1))
    await directory.retract?.(print(1))
    expect(did).toEqual(["pep", "retract"])
    expect((await Array.fromAsync(directory.changes?.() ?? [])).toSorted()).toEqual([juliet, romeo])
    expect(merged([hkp]).publish).toBeUndefined()
  })

  test("says what each of them says", () => {
    const notices = [source("hkp", [], { notice: "hkp: a" }), source("pep"), source("wkd", [], { notice: "wkd: b" })]
    expect(merged(notices).notice).toBe("hkp: a\nwkd: b")
    expect(chain([source("pep")]).notice).toBeUndefined()
  })

  test("an abort reaches every source", async () => {
    const stop = new AbortController()
    const slow: KeyDirectory = {
      name: "slow",
      async *lookup(_, options) {
        await new Promise((resolve) => options?.signal?.addEventListener("abort", resolve, { once: true }))
        throwIfAborted(options)
        yield* []
      },
    }
    const answer = ask(merged([slow], { optional: [slow] }), juliet, { signal: stop.signal })
    setTimeout(() => stop.abort(), 5)
    const error = await answer.catch((thrown: unknown) => thrown)
    expect(isAurochsError(error, "ABORTED")).toBe(true)
  })
})

describe("cached", () => {
  function setUp(items: readonly (Found | Missing)[], o: Parameters<typeof cached>[1] = {}) {
    let now = 0
    const inner = source("wkd", items)
    const clock = { now: () => new Date(now), sleep: async () => {} }
    const directory = cached(inner, { clock, ...o })
    return { inner, directory, at: (ms: number) => (now = ms) }
  }

  test("for as long as the source says, the shortest of its times", async () => {
    const t = setUp([found("wkd", 1, { expiresInMs: 60_000 }), found("wkd", 2, { expiresInMs: 30_000 })])
    await ask(t.directory)
    t.at(29_999)
    expect(await ask(t.directory)).toHaveLength(2)
    expect(t.inner.asked).toHaveLength(1)
    t.at(30_000)
    await ask(t.directory)
    expect(t.inner.asked).toHaveLength(2)
  })

  test("an hour where it says nothing, a day at most whatever it says, not at all where it says zero", async () => {
    for (const [expiresInMs, lifeMs] of [
      [undefined, 3_600_000],
      [1e12, 86_400_000],
      [0, 0],
    ] as const) {
      const t = setUp([found("wkd", 1, { expiresInMs })])
      await ask(t.directory)
      if (lifeMs > 0) {
        t.at(lifeMs - 1)
        await ask(t.directory)
        expect(t.inner.asked).toHaveLength(1)
      }
      t.at(lifeMs)
      await ask(t.directory)
      expect(t.inner.asked).toHaveLength(2)
    }
  })

  test("that there is nothing, or a gap, is remembered for five minutes", async () => {
    for (const items of [[], [{ missing: print(1), because: "not-found" }]]) {
      const t = setUp(items)
      await ask(t.directory)
      t.at(299_999)
      expect(await ask(t.directory)).toEqual(items)
      expect(t.inner.asked).toHaveLength(1)
      t.at(300_000)
      t.inner.answer([found("wkd", 1)])
      expect(await ask(t.directory)).toHaveLength(1)
    }
  })

  test("an error is not remembered", async () => {
    const t = setUp([])
    t.inner.fail(away)
    await expect(ask(t.directory)).rejects.toBe(away)
    t.inner.answer([found("wkd", 1)])
    expect(await ask(t.directory)).toHaveLength(1)
  })

  test("by owner and by fingerprint", async () => {
    const t = setUp([found("wkd", 1)])
    await ask(t.directory)
    await ask(t.directory, romeo)
    await Array.fromAsync(t.directory.lookup({ owner: juliet, fingerprint: print(1) }))
    await ask(t.directory)
    expect(t.inner.asked).toEqual([juliet, romeo, juliet])
  })

  test("what its source does not want kept is asked for each time, and not given as stale", async () => {
    const t = setUp([found("wkd", 1, { expiresInMs: 0 })], { staleMs: 5_000 })
    await ask(t.directory)
    await ask(t.directory)
    expect(t.inner.asked).toEqual([juliet, juliet])
  })

  test("stale while it is asked for again, then gone", async () => {
    const failures: unknown[] = []
    const t = setUp([found("wkd", 1, { expiresInMs: 1_000 })], { staleMs: 5_000, onFailure: (f) => failures.push(f) })
    await ask(t.directory)
    t.at(2_000)
    t.inner.answer([found("wkd", 2, { expiresInMs: 1_000 })])
    expect(await ask(t.directory)).toMatchObject([{ bytes: new Uint8Array([1]) }])
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(await ask(t.directory)).toMatchObject([{ bytes: new Uint8Array([2]) }])
    t.at(4_000)
    t.inner.fail(away)
    expect(await ask(t.directory)).toHaveLength(1)
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(failures).toEqual([{ source: "wkd", owner: juliet, error: away }])
    t.at(60_000)
    await expect(ask(t.directory)).rejects.toBe(away)
  })

  test("several who ask at the same time share one question; who aborts leaves it to the others", async () => {
    let finish: (items: Found[]) => void = () => {}
    let signal: AbortSignal | undefined
    const inner: KeyDirectory & { asked: number } = {
      name: "slow",
      asked: 0,
      async *lookup(_, options) {
        inner.asked++
        signal = options?.signal
        yield* await new Promise<Found[]>((resolve) => (finish = resolve))
      },
    }
    const directory = cached(inner)
    const stop = new AbortController()
    const answers = [ask(directory), ask(directory, juliet, { signal: stop.signal }), ask(directory)]
    await new Promise((resolve) => setTimeout(resolve, 0))
    stop.abort()
    await expect(answers[1]).rejects.toMatchObject({ code: "ABORTED" })
    expect(signal?.aborted).toBe(false)
    finish([found("slow", 1)])
    expect([await answers[0], await answers[2], inner.asked]).toEqual([[found("slow", 1)], [found("slow", 1)], 1])
  })

  test("when nobody waits any more the question is aborted", async () => {
    let signal: AbortSignal | undefined
    const inner: KeyDirectory = {
      name: "slow",
      async *lookup(_, options) {
        signal = options?.signal
        await new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(away), { once: true }))
        yield* []
      },
    }
    const stop = new AbortController()
    const answer = ask(cached(inner), juliet, { signal: stop.signal })
    await new Promise((resolve) => setTimeout(resolve, 0))
    stop.abort()
    await expect(answer).rejects.toMatchObject({ code: "ABORTED" })
    expect(signal?.aborted).toBe(true)
  })

  test("no more owners are remembered than are allowed (A19)", async () => {
    const t = setUp([found("wkd", 1)], { maxEntries: 2 })
    const owners = ["a@example.org", "b@example.org", "c@example.org"].map((jid) => bareJid(jid))
    for (const owner of owners) await ask(t.directory, owner)
    await ask(t.directory, owners[2])
    expect(t.inner.asked).toHaveLength(3)
    await ask(t.directory, owners[0])
    expect(t.inner.asked).toHaveLength(4)
  })

  test("a change, a publication and a retraction make it forget, an answer on its way included", async () => {
    let finish = () => {}
    const inner = source("pep", [found("pep", 1)], {
      publish: async () => {},
      retract: async () => {},
      async *changes() {
        yield juliet
      },
    })
    const directory = cached(inner)
    const again = async () => {
      await ask(directory)
      return inner.asked.length
    }
    expect(await again()).toBe(1)
    expect(await Array.fromAsync(directory.changes?.() ?? [])).toEqual([juliet])
    expect(await again()).toBe(2)
    await directory.publish?.(info(1))
    expect(await again()).toBe(3)
    await directory.retract?.(print(1))
    expect(await again()).toBe(4)

    const slow: KeyDirectory & { asked: number } = {
      name: "pep",
      asked: 0,
      async *lookup() {
        slow.asked++
        await new Promise<void>((resolve) => (finish = resolve))
        yield found("pep", slow.asked)
      },
      publish: async () => {},
    }
    const late = cached(slow)
    const first = ask(late)
    await new Promise((resolve) => setTimeout(resolve, 0))
    await late.publish?.(info(1))
    finish()
    await first
    const second = ask(late)
    await new Promise((resolve) => setTimeout(resolve, 0))
    finish()
    expect(await second).toEqual([found("pep", 2)])
  })
})
