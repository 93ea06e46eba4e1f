import { mkdir, readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { lockFile } from "../src/file/lock.ts"
import { fileStorage } from "../src/index.ts"
import { otherProcess } from "./support/process.ts"
import { collect, juliet, now, outgoing, romeo, testFolder } from "./support/samples.ts"

describe("several processes over one folder", () => {
  test("none of their messages is lost, and each key and each text is taken once", async () => {
    await using folder = await testFolder()
    const script = `
      const s = await storage.fileStorage(folder)
      let first = 0
      for (let i = 0; i < 25; i++) {
        const stanza = { name: "message", namespace: "jabber:client", attributes: {}, children: [] }
        const openpgp = new TextEncoder().encode(process.pid + " " + i)
        await s.archive.append({ account, peer, direction: "in", stanza, openpgp, via: "live", storedAt: new Date() })
        await s.outbox.enqueue([{ account, recipient: peer, key: "shared " + i, sealed: openpgp, enqueuedAt: new Date() }])
        if ((await s.seen.claim("text " + i, "stanza of " + process.pid)) === "first") first++
        await s.audit.append({ at: new Date(), account, kind: "round" })
      }
      say(String(first))
    `
    const processes = [1, 2, 3].map(() => otherProcess(script, folder.path))
    expect(await Promise.all(processes.map((one) => one.ended))).toEqual([0, 0, 0])
    expect(processes.map((one) => Number(one.lines()[0])).reduce((a, b) => a + b)).toBe(25)
    await using storage = await fileStorage(folder.path)
    const entries = await collect(storage.archive.read({ account: juliet }))
    expect(entries).toHaveLength(75)
    expect(new Set(entries.map((entry) => entry.id)).size).toBe(75)
    expect(await collect(storage.outbox.list(juliet))).toHaveLength(25)
    expect(await collect(storage.audit.read({ account: juliet }))).toHaveLength(75)
  }, 60_000)

  test("kill -9 at any moment loses nothing that was acknowledged, and holds nobody up", async () => {
    await using folder = await testFolder()
    const script = `
      const s = storage.fileStore(folder)
      for (let i = 0; ; i++) {
        const sealed = new TextEncoder().encode(String(i))
        const entry = { account, recipient: peer, sealed, enqueuedAt: new Date() }
        await s.outbox.enqueue([{ ...entry, key: process.pid + " " + i + " a" }, { ...entry, key: process.pid + " " + i + " b" }])
        say(process.pid + " " + i)
      }
    `
    const acknowledged: string[] = []
    for (let round = 0; round < 6; round++) {
      const one = otherProcess(script, folder.path)
      await one.said(3 + round)
      await one.kill()
      acknowledged.push(...one.lines())
    }
    await using storage = await fileStorage(folder.path)
    const keys = new Set((await collect(storage.outbox.list(juliet))).map((entry) => entry.key))
    for (const line of acknowledged) expect(keys.has(`${line} a`) && keys.has(`${line} b`)).toBe(true)
    // All or none, also of those that nobody was told of.
    const halves = [...keys].filter((key) => !keys.has(key.replace(/.$/, (end) => (end === "a" ? "b" : "a"))))
    expect(halves).toEqual([])
    await storage.outbox.enqueue([outgoing("after")])
    const [leased] = await storage.outbox.claim({ account: juliet, now, leaseMs: 1, limit: 1 })
    expect(leased?.recipient).toBe(romeo)
  }, 60_000)
})

describe("the lock", () => {
  const hold =
    'await lock.lockFile(folder + "/lock", folder)("test", async () => { say("held"); await new Promise(() => setInterval(() => {}, 1000)) })'

  test("is waited for while its holder runs, and the wait can be aborted", async () => {
    await using folder = await testFolder()
    const holder = otherProcess(hold, folder.path)
    await holder.said(1)
    const lock = lockFile(join(folder.path, "lock"), folder.path)
    await expect(lock("test", async () => "taken", { signal: AbortSignal.timeout(200) })).rejects.toMatchObject({
      code: "ABORTED",
    })
    const waiting = lock("test", async () => "taken")
    // One that was killed while it held it is not waited for.
    await holder.kill()
    expect(await waiting).toBe("taken")
    expect(await readdir(folder.path)).toEqual([])
  }, 20_000)

  test("left behind by a crash is broken by one of many who want it, and held by one at a time", async () => {
    await using folder = await testFolder()
    for (let round = 0; round < 5; round++) {
      const holder = otherProcess(hold, folder.path)
      await holder.said(1)
      await holder.kill()
      let inside = 0
      const results = await Promise.all(
        Array.from({ length: 12 }, () =>
          lockFile(join(folder.path, "lock"), folder.path)("test", async () => {
            inside++
            await new Promise((resolve) => setTimeout(resolve, 1))
            return inside-- === 1
          }),
        ),
      )
      expect(results.every(Boolean)).toBe(true)
    }
    expect(await readdir(folder.path)).toEqual([])
  }, 40_000)

  test("of a process whose number another one has now is broken", async () => {
    await using folder = await testFolder()
    const holder = otherProcess(hold, folder.path)
    await holder.said(1)
    const path = join(folder.path, "lock")
    const content = JSON.parse(await (await import("node:fs/promises")).readFile(path, "utf8")) as { start: string }
    await holder.kill()
    // This process is alive, but was not started then.
    await writeFile(path, JSON.stringify({ ...content, pid: process.pid }))
    expect(await lockFile(path, folder.path)("test", async () => "taken")).toBe("taken")
  })

  test("without content, or of an earlier boot of this machine, is broken", async () => {
    await using folder = await testFolder()
    const path = join(folder.path, "lock")
    const { hostname } = await import("node:os")
    const earlier = { pid: process.pid, start: "1", host: hostname(), boot: "another", namespace: "", nonce: "1" }
    for (const content of ["", "\0\0\0", "{}", JSON.stringify(earlier)]) {
      await mkdir(folder.path, { recursive: true })
      await writeFile(path, content)
      expect(await lockFile(path, folder.path)("test", async () => "taken")).toBe("taken")
    }
  })

  test("is let go when the task fails", async () => {
    await using folder = await testFolder()
    const lock = lockFile(join(folder.path, "lock"), folder.path)
    await expect(lock("test", () => Promise.reject(new Error("failed")))).rejects.toThrow("failed")
    expect(await lock("test", async () => "taken")).toBe("taken")
  })
})
