import { chmod, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openStores } from "../src/stores.ts"
import { built, type Elsewhere, elsewhere } from "./elsewhere.ts"

let base: string
let folder: string
let started: Elsewhere[]
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "aurochs-stores-"))
  await chmod(base, 0o711)
  folder = join(base, "state")
  started = []
})
afterEach(async () => {
  for (const process of started) process.kill()
  const pid = await postmaster()
  if (pid !== undefined) process.kill(pid, "SIGKILL")
  await rm(base, { recursive: true, force: true })
})

/** Its pid, while a database runs or after it was killed. */
async function postmaster(): Promise<number | undefined> {
  const text = await readFile(join(folder, "postgres", "data", "postmaster.pid"), "utf8").catch(() => undefined)
  return text === undefined ? undefined : Number(text.split("\n")[0])
}

/** A command that has the stores open until it is let go on. */
async function command(): Promise<Elsewhere> {
  const program = `
    import { openStores } from ${built("stores.js")}
    const config = { folder: process.argv[1], databaseUrl: undefined }
    await using stores = await openStores(config, { onError() {} })
    console.log("open")
    for await (const _ of process.stdin) {}
    await stores.storage.state.get("cursor")
    console.log("still there")`
  const found = elsewhere(program, folder)
  started.push(found)
  expect(await found.line).toBe("open")
  return found
}

const open = () => openStores({ folder, databaseUrl: undefined }, { onError() {} })

describe("an embedded database that several processes use", () => {
  it("is left running by the command that started it while the service uses it, and stopped by the last", async () => {
    const visit = await command()
    const service = await open()
    expect(service.adopted).toBe(true)
    visit.goOn()
    expect(await visit.output).toContain("still there")
    expect(await service.storage.state.get("cursor")).toBeUndefined()
    const second = await command()
    await service[Symbol.asyncDispose]()
    second.goOn()
    expect(await second.output).toContain("still there")
    expect(await postmaster()).toBeUndefined()
  }, 60_000)

  it("is there for each of many commands that come and go at once", async () => {
    const rounds = async () => {
      for (let round = 0; round < 4; round++) {
        const stores = await open()
        expect(await stores.storage.state.get("cursor")).toBeUndefined()
        await stores[Symbol.asyncDispose]()
      }
    }
    await Promise.all([rounds(), rounds(), rounds()])
    expect(await postmaster()).toBeUndefined()
  }, 60_000)

  it("is stopped by the next command when the one that used it was killed", async () => {
    const killed = await command()
    killed.kill()
    await killed.output
    const pid = await postmaster()
    const stores = await open()
    expect(stores.adopted).toBe(true)
    expect(await postmaster()).toBe(pid)
    await stores[Symbol.asyncDispose]()
    expect(await postmaster()).toBeUndefined()
  }, 60_000)
})
