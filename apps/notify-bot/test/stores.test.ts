import { chmod, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bareJid, fingerprint } from "@aurochs/core"
import { revocationStateKey } from "@aurochs/keys"
import { migrate, postgresStorage } from "@aurochs/storage-postgres"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { makeFolder } from "../src/folder.ts"
import { sharedDatabase } from "../src/shared-database.ts"
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
    await using stores = await openStores(config, { account: "bot@example.org", onError() {} })
    console.log("open")
    for await (const _ of process.stdin) {}
    await stores.storage.state.get("cursor")
    console.log("still there")`
  const found = elsewhere(program, folder)
  started.push(found)
  expect(await found.line).toBe("open")
  return found
}

const account = bareJid("bot@example.org")
const open = () => openStores({ folder, databaseUrl: undefined }, { account, onError() {} })

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

describe("what belongs to the own key", () => {
  it("lies beside the secret keys: what an earlier version left in the database is moved when the stores are opened", async () => {
    const print = fingerprint("AB".repeat(20))
    const [key, value] = [revocationStateKey(account, print), new Uint8Array([1, 2, 3])]
    await makeFolder({ folder, databaseUrl: undefined })
    const database = await sharedDatabase(folder)
    await migrate({ url: database.url })
    const earlier = await postgresStorage({ url: database.url, onError() {} })
    await earlier.state.put(key, value)
    await earlier.state.put("cursor", value)
    const row = { at: new Date(), account, kind: "own-key-created", subject: account, fingerprint: print }
    await earlier.audit.append(row)
    const stores = await open()
    expect(await earlier.state.get(key)).toBeUndefined()
    expect((await stores.storage.state.get(key))?.bytes).toEqual(value)
    expect((await stores.storage.state.get("cursor"))?.bytes).toEqual(value)
    await stores.storage.state.put(`own-key/rotation/${account}`, value)
    expect(await earlier.state.get(`own-key/rotation/${account}`)).toBeUndefined()
    await stores[Symbol.asyncDispose]()
    await earlier[Symbol.asyncDispose]()
    await database.leave()
    // Another process finds them there.
    const again = await open()
    expect((await again.storage.state.get(key))?.bytes).toEqual(value)
    await again[Symbol.asyncDispose]()
  }, 60_000)
})
