import { isAurochsError } from "@aurochs/core"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { elementFromJson, elementToJson, entryDigest, memoryStorage } from "../src/index.ts"
import { collect, incoming, juliet, now, outgoing } from "./support/samples.ts"

describe("memory", () => {
  test("is not durable", () => {
    expect(memoryStorage().durable).toBe(false)
  })

  test("what was stored does not change with the caller's bytes, nor with what was read", async () => {
    await using storage = memoryStorage()
    const bytes = new Uint8Array([1, 2, 3])
    await storage.secrets.save(juliet, bytes)
    const { id } = await storage.archive.append({ ...incoming("one"), openpgp: bytes })
    await storage.outbox.enqueue([{ ...outgoing("1"), sealed: bytes }])
    bytes.fill(0)
    const [secret] = await storage.secrets.load(juliet)
    secret?.fill(9)
    expect(await storage.secrets.load(juliet)).toEqual([new Uint8Array([1, 2, 3])])
    expect((await storage.archive.get(id))?.openpgp).toEqual(new Uint8Array([1, 2, 3]))
    const [leased] = await storage.outbox.claim({ account: juliet, now, leaseMs: 1, limit: 1 })
    expect(leased?.sealed).toEqual(new Uint8Array([1, 2, 3]))
  })

  test("two storages have nothing in common", async () => {
    await memoryStorage().outbox.enqueue([outgoing("1")])
    expect(await collect(memoryStorage().outbox.list(juliet))).toEqual([])
  })

  test("one recipient's messages leave in their order, whatever becomes of the attempts", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("enqueue" as const) }),
      fc.record({ kind: fc.constant("claim" as const), waitMs: fc.integer({ min: 0, max: 30 }) }),
      fc.record({
        kind: fc.constantFrom("sent" as const, "waiting" as const),
        delayMs: fc.integer({ min: 0, max: 20 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        await using storage = memoryStorage()
        const { outbox } = storage
        const sent: number[] = []
        let [clock, entered] = [0, 0]
        let held: Awaited<ReturnType<typeof outbox.claim>>[number] | undefined
        const at = (ms: number) => new Date(now.getTime() + ms)
        for (const one of steps) {
          if (one.kind === "enqueue") await outbox.enqueue([outgoing(String(entered++))])
          else if (one.kind === "claim") {
            clock += one.waitMs
            const claimed = await outbox.claim({ account: juliet, now: at(clock), leaseMs: 15, limit: 10 })
            expect(claimed.length).toBeLessThanOrEqual(1)
            held = claimed[0] ?? held
          } else if (held !== undefined) {
            const result = await outbox.settle(
              held,
              one.kind === "sent"
                ? { kind: "sent", stanzaId: held.key, sentAt: at(clock) }
                : { kind: "waiting", retryAt: at(clock + one.delayMs), because: "x" },
            )
            if (one.kind === "sent" && result === "settled") sent.push(Number(held.key))
          }
        }
        expect(sent).toEqual(Array.from({ length: sent.length }, (_, index) => index))
        expect(await collect(outbox.list(juliet))).toHaveLength(entered - sent.length)
      }),
      { numRuns: 150 },
    )
  })
})

describe("elements as JSON", () => {
  const element = fc.letrec((tie) => ({
    element: fc.record({
      name: fc.string(),
      namespace: fc.string(),
      attributes: fc.dictionary(fc.string({ unit: "grapheme" }), fc.string()),
      children: fc.array(fc.oneof({ depthSize: "small" }, fc.string(), tie("element")), { maxLength: 3 }),
    }),
  })).element as fc.Arbitrary<Parameters<typeof elementToJson>[0]>

  test("come back the same", () => {
    fc.assert(
      fc.property(element, (one) => {
        expect(elementFromJson(elementToJson(one))).toEqual(one)
      }),
    )
    const odd = elementFromJson('{"name":"a","namespace":"","attributes":{"__proto__":"x"},"children":[]}')
    expect(Object.entries(odd.attributes)).toEqual([["__proto__", "x"]])
    expect(Object.getPrototypeOf(odd.attributes)).toBe(Object.prototype)
  })

  test("anything else is BAD_DATA", () => {
    const deep = `${'{"name":"a","namespace":"","attributes":{},"children":['.repeat(3000)}${"]}".repeat(3000)}`
    const bad = ["", "null", "[]", '"a"', '{"name":"a"}', deep]
    bad.push('{"name":"a","namespace":"","attributes":{"a":1},"children":[]}')
    bad.push('{"name":"a","namespace":"","attributes":{},"children":[7]}')
    for (const json of bad) {
      let caught: unknown
      try {
        elementFromJson(json)
      } catch (error) {
        caught = error
      }
      expect(isAurochsError(caught, "BAD_DATA")).toBe(true)
    }
  })

  test("a digest depends on the OpenPGP bytes alone, and never equals that of a stanza", () => {
    const { stanza } = incoming("one")
    const openpgp = new TextEncoder().encode(elementToJson(stanza))
    expect(entryDigest({ stanza, openpgp })).toEqual(entryDigest({ ...incoming("two"), openpgp }))
    expect(entryDigest({ stanza, openpgp })).not.toEqual(entryDigest({ stanza }))
    expect(entryDigest({ stanza })).toHaveLength(32)
  })
})
