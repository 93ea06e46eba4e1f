import { existsSync } from "node:fs"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { debianPrograms, programOr } from "../src/index.ts"
import { locked } from "../src/lock.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-programs-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test("a program that is there is taken as it is", async () => {
  const programs = await debianPrograms({ sh: "dash" })
  expect(programs.how).toBe("present")
  expect(existsSync(programs.path("sh"))).toBe(true)
  expect(programs.env).toEqual({})
  expect(await programOr("sh", "dash")).toEqual({ path: programs.path("sh"), env: {} })
})

test("one holds the lock at a time", async () => {
  let inside = 0
  let most = 0
  const one = () =>
    locked(join(folder, "lock"), async () => {
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setTimeout(resolve, 20))
      inside--
    })
  await Promise.all([one(), one(), one()])
  expect(most).toBe(1)
  expect(existsSync(join(folder, "lock"))).toBe(false)
})

test("the lock of a process that is gone is taken over", async () => {
  await mkdir(join(folder, "old"))
  await writeFile(join(folder, "old", "pid"), String(2 ** 22 + 1))
  expect(await locked(join(folder, "old"), async () => "mine")).toBe("mine")
})
