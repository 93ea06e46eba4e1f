import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { fileStorage, fileStore, type Storage } from "../src/index.ts"
import { collect, incoming, juliet, now, outgoing, romeo, testFolder } from "./support/samples.ts"

/** Uses every store once. */
async function fill(storage: Storage): Promise<void> {
  await storage.archive.append(incoming("one"))
  await storage.outbox.enqueue([outgoing("1")])
  await storage.seen.claim("digest", "stanza")
  await storage.keys.put({
    owner: romeo,
    fingerprint: "A".repeat(40),
    bytes: new Uint8Array([1]),
    firstSeen: now,
    source: "pep",
    binds: "account",
    announced: true,
    approval: "none",
  })
  await storage.secrets.save(juliet, new Uint8Array([1]))
  await storage.state.put("cursor", new Uint8Array([1]))
  await storage.audit.append({ at: now, account: juliet, kind: "started" })
}

async function modes(folder: string): Promise<{ path: string; folder: boolean; mode: number }[]> {
  const found: { path: string; folder: boolean; mode: number }[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    found.push({ path, folder: entry.isDirectory(), mode: (await stat(path)).mode & 0o777 })
  }
  return found
}

describe("files", () => {
  test("folders are 0700 and files 0600, whatever the umask", async () => {
    await using folder = await testFolder()
    const root = join(folder.path, "deep", "state")
    const before = process.umask(0)
    try {
      await using storage = await fileStorage(root)
      await fill(storage)
    } finally {
      process.umask(before)
    }
    expect((await stat(root)).mode & 0o777).toBe(0o700)
    const found = await modes(root)
    expect(found.length).toBeGreaterThan(12)
    for (const one of found) expect(one).toEqual({ ...one, mode: one.folder ? 0o700 : 0o600 })
  })

  test("an empty folder becomes private; one with other things keeps its mode, and what is ours in it is private", async () => {
    await using folder = await testFolder()
    const [empty, shared] = [join(folder.path, "empty"), join(folder.path, "shared")]
    for (const path of [empty, shared]) {
      await mkdir(path)
      await chmod(path, 0o755)
    }
    await writeFile(join(shared, "notes.txt"), "not ours")
    for (const path of [empty, shared]) {
      await using storage = await fileStorage(path)
      await fill(storage)
    }
    expect((await stat(empty)).mode & 0o777).toBe(0o700)
    expect((await stat(shared)).mode & 0o777).toBe(0o755)
    expect((await stat(join(shared, "secrets"))).mode & 0o777).toBe(0o700)
  })

  test("a folder of ours that was opened to others is closed again", async () => {
    await using folder = await testFolder()
    await using before = await fileStorage(folder.path)
    await fill(before)
    await chmod(join(folder.path, "secrets"), 0o755)
    await using after = await fileStorage(folder.path)
    await after.secrets.save(juliet, new Uint8Array([2]))
    expect((await stat(join(folder.path, "secrets"))).mode & 0o777).toBe(0o700)
  })

  test("nothing temporary and no lock stays behind", async () => {
    await using folder = await testFolder()
    await using storage = await fileStorage(folder.path)
    await fill(storage)
    const names = (await modes(folder.path)).map((one) => one.path)
    expect(names.filter((name) => name.includes("/scratch/") || name.endsWith("/lock"))).toEqual([])
  })

  test("fileStore touches nothing until it is used, and tries again what failed", async () => {
    await using folder = await testFolder()
    const path = join(folder.path, "state")
    await writeFile(path, "a file is in the way")
    await using storage = fileStore(path)
    await expect(storage.secrets.load(juliet)).rejects.toMatchObject({
      code: "CONFIGURATION",
      details: { field: "folder" },
    })
    await (await import("node:fs/promises")).rm(path)
    expect(await storage.secrets.load(juliet)).toEqual([])
    expect((await stat(path)).isDirectory()).toBe(true)
  })

  test("a folder of another version is refused", async () => {
    await using folder = await testFolder()
    await writeFile(join(folder.path, "storage.json"), '{"aurochs":"storage","format":2}')
    await expect(fileStorage(folder.path)).rejects.toMatchObject({
      code: "CONFIGURATION",
      message: expect.stringContaining("storage.json"),
    })
  })

  test("a closed storage answers with STORAGE", async () => {
    await using folder = await testFolder()
    const storage = await fileStorage(folder.path)
    await storage[Symbol.asyncDispose]()
    await expect(storage.archive.append(incoming("one"))).rejects.toMatchObject({ code: "STORAGE" })
    await expect(collect(storage.outbox.list(juliet))).rejects.toMatchObject({ code: "STORAGE" })
  })

  test("removed entries and forgotten messages leave the disk", async () => {
    await using folder = await testFolder()
    await using storage = await fileStorage(folder.path)
    const { id } = await storage.archive.append(incoming("one"))
    await storage.outbox.enqueue([outgoing("1")])
    const [leased] = await storage.outbox.claim({ account: juliet, now, leaseMs: 1000, limit: 1 })
    if (leased) await storage.outbox.settle(leased, { kind: "sent", stanzaId: "s", sentAt: now })
    const contents = async () =>
      (await modes(folder.path)).filter((one) => !one.folder && one.path.includes("/content/"))
    expect(await contents()).toHaveLength(2)
    await storage.archive.remove([id])
    await storage.outbox.forgetSent(juliet, new Date(now.getTime() + 1))
    expect(await contents()).toEqual([])
  })

  test("a journal is rewritten when little of it still counts", async () => {
    await using folder = await testFolder()
    await using storage = await fileStorage(folder.path)
    await using other = await fileStorage(folder.path)
    const { id } = await storage.archive.append(incoming("one"))
    const journal = join(folder.path, "archive", "journal.jsonl")
    let largest = 0
    for (let round = 0; round < 1100; round++) {
      await storage.archive.markHandled(id)
      largest = Math.max(largest, (await stat(journal)).size)
    }
    expect((await stat(journal)).size).toBeLessThan(largest / 2)
    expect(await other.archive.get(id)).toMatchObject({ handled: true })
    expect((await other.archive.append(incoming("two"))).id > id).toBe(true)
  }, 60_000)
})
