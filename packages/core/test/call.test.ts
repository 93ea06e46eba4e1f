import { describe, expect, test } from "vitest"
import { orAborted } from "../src/index.ts"

describe("waiting for work that goes on in any case", () => {
  test("gives what the work gives, or throws what it throws", async () => {
    const { signal } = new AbortController()
    expect(await orAborted(Promise.resolve(1), { signal })).toBe(1)
    expect(await orAborted(Promise.resolve(2), undefined)).toBe(2)
    await expect(orAborted(Promise.reject(new Error("no")), { signal })).rejects.toThrow("no")
  })

  test("ends with the signal of this caller only; a failure afterwards is nobody's", async () => {
    const work = Promise.withResolvers<number>()
    const leaving = new AbortController()
    const left = orAborted(work.promise, { signal: leaving.signal })
    const stays = orAborted(work.promise, {})
    leaving.abort("enough")
    await expect(left).rejects.toMatchObject({ code: "ABORTED", cause: "enough" })
    work.resolve(3)
    expect(await stays).toBe(3)
    const failing = Promise.withResolvers<number>()
    await expect(orAborted(failing.promise, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" })
    failing.reject(new Error("later"))
    await new Promise((resolve) => setTimeout(resolve, 5))
  })
})
