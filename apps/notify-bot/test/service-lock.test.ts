import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { lockService } from "../src/service-lock.ts"
import { built, elsewhere } from "./elsewhere.ts"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-service-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const SERVE = `
  import { lockService } from ${built("service-lock.js")}
  await using lock = await lockService(process.argv[1])
  console.log(process.pid)
  for await (const _ of process.stdin) {}`

describe("one service for a folder", () => {
  it("a second one is refused and told who serves, until the first ends", async () => {
    const first = elsewhere(SERVE, folder)
    const pid = await first.line
    await expect(lockService(folder)).rejects.toMatchObject({
      code: "CONFIGURATION",
      details: { field: "storage.folder" },
      message: expect.stringContaining(`process ${pid})`),
    })
    first.goOn()
    await first.output
    expect(await readdir(folder)).toEqual([])
    await using _lock = await lockService(folder)
    await expect(lockService(folder)).rejects.toMatchObject({ code: "CONFIGURATION" })
  }, 20_000)

  it("one that was killed does not hold up the next", async () => {
    const killed = elsewhere(SERVE, folder)
    await killed.line
    killed.kill()
    await killed.output
    await using _lock = await lockService(folder)
    expect(await readdir(folder)).toEqual(["service.pid"])
  }, 20_000)

  it("of several that start at once after a kill, one serves", async () => {
    await writeFile(join(folder, "service.pid"), "999999999 1")
    // Whoever serves is alone, and leaves the lock as a kill does, for the others.
    const program = `
      import { open, rename, rm, writeFile } from "node:fs/promises"
      import { lockService } from ${built("service-lock.js")}
      const folder = process.argv[1]
      const until = Date.now() + 2500
      let served = 0
      while (Date.now() < until) {
        try {
          await lockService(folder)
        } catch (error) {
          if (error.code === "CONFIGURATION") continue
          throw error
        }
        await (await open(folder + "/inside", "wx")).close()
        served++
        await rm(folder + "/inside")
        await writeFile(folder + "/dead-" + process.pid, "999999999 " + process.pid + served)
        await rename(folder + "/dead-" + process.pid, folder + "/service.pid")
      }
      console.log(served)`
    const services = Array.from({ length: 4 }, () => elsewhere(program, folder))
    for (const { output } of services) expect(Number((await output).trim())).toBeGreaterThan(0)
  }, 20_000)
})
