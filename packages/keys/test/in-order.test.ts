import fc from "fast-check"
import { expect, test } from "vitest"
import { inOrder } from "../src/pep/in-order.ts"

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test("results come in the order of the items, never more than so many at once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), async (items, atOnce) => {
      let open = 0
      let most = 0
      const results: number[] = []
      const task = async (ms: number) => {
        most = Math.max(most, ++open)
        await after(ms)
        open--
        return ms
      }
      for await (const result of inOrder(items, task, { atOnce })) results.push(result)
      expect(results).toEqual(items)
      expect(most).toBeLessThanOrEqual(atOnce)
    }),
    { numRuns: 25 },
  )
})

test("an error ends it and aborts what is under way", async () => {
  const aborted: number[] = []
  const task = async (n: number, { signal }: { signal: AbortSignal }) => {
    if (n === 0) throw new Error("the first fails")
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
    aborted.push(n)
    return n
  }
  const all = (async () => {
    for await (const _ of inOrder([0, 1, 2, 3], task, { atOnce: 2 }));
  })()
  await expect(all).rejects.toThrow("the first fails")
  await after(0)
  expect(aborted).toEqual([1])
})
