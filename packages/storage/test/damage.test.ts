import { appendFile, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { fileStorage, fileStore } from "../src/index.ts"
import { collect, incoming, juliet, now, outgoing, testFolder } from "./support/samples.ts"

const journalOf = (folder: string, part: "archive" | "outbox") => join(folder, part, "journal.jsonl")

async function theOnlyFile(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const [file, ...others] = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
  if (file === undefined || others.length > 0) throw new Error("expected one file")
  return join(file.parentPath, file.name)
}

describe("a crash in the middle of a write", () => {
  test.each([
    ["half a line", '{"put":[{"id":"00000000000'],
    ["a length without content", "\0".repeat(300)],
    ["a length without content, and an end", `${"\0".repeat(300)}\n`],
  ])("loses nothing that was acknowledged: %s", async (_what, torn) => {
    await using folder = await testFolder()
    await using before = await fileStorage(folder.path)
    const first = await before.archive.append(incoming("one"))
    await appendFile(journalOf(folder.path, "archive"), torn)

    await using after = await fileStorage(folder.path)
    expect(await collect(after.archive.read({ account: juliet }))).toMatchObject([{ id: first.id }])
    const second = await after.archive.append(incoming("two"))
    // The instance that was there all along follows.
    expect((await collect(before.archive.unhandled(juliet))).map((entry) => entry.id)).toEqual([first.id, second.id])
    await using last = await fileStorage(folder.path)
    expect(await last.archive.append(incoming("two"))).toEqual({ id: second.id, isNew: false })
  })

  test("leaves the whole transaction or none of it, wherever the journal ends", async () => {
    await using folder = await testFolder()
    const journal = journalOf(folder.path, "outbox")
    await using storage = await fileStorage(folder.path)
    await storage.outbox.enqueue([outgoing("1")])
    const before = (await readFile(journal)).length
    await storage.outbox.enqueue(["2", "3", "4"].map(outgoing))
    const whole = await readFile(journal)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: before, max: whole.length }), async (length) => {
        await writeFile(journal, whole)
        await truncate(journal, length)
        await using after = fileStore(folder.path)
        const keys = (await collect(after.outbox.list(juliet))).map((entry) => entry.key)
        expect(keys).toEqual(length === whole.length ? ["1", "2", "3", "4"] : ["1"])
      }),
      { numRuns: 40, examples: [[before], [whole.length - 1], [whole.length]] },
    )
  })

  test("an audit line that was half written is left out, and the next one is whole", async () => {
    await using folder = await testFolder()
    await using storage = await fileStorage(folder.path)
    await storage.audit.append({ at: now, account: juliet, kind: "one" })
    await appendFile(join(folder.path, "audit", "lines.jsonl"), '{"at":"2026')
    const kinds = async () => (await collect(storage.audit.read({ account: juliet }))).map((event) => event.kind)
    expect(await kinds()).toEqual(["one"])
    await storage.audit.append({ at: now, account: juliet, kind: "two" })
    expect(await kinds()).toEqual(["one", "two"])
  })

  test("content without a row is swept away", async () => {
    await using folder = await testFolder()
    await using before = await fileStorage(folder.path)
    await before.archive.append(incoming("one"))
    const content = await theOnlyFile(join(folder.path, "archive", "content"))
    const orphan = content.replace(/1\.json$/, "7.json")
    await writeFile(orphan, await readFile(content))
    await writeFile(join(folder.path, "archive", "content", "notes.txt"), "not ours")
    await using after = await fileStorage(folder.path)
    await after.archive.append(incoming("two"))
    const names = await readdir(join(folder.path, "archive", "content"), { recursive: true })
    expect(names.filter((name) => name.endsWith("7.json"))).toEqual([])
    expect(names).toContain("notes.txt")
    expect(await collect(after.archive.read({ account: juliet }))).toHaveLength(2)
  })
})

describe("a damaged file is named in a STORAGE error", () => {
  const storageError = (path: string) => ({ code: "STORAGE", message: expect.stringContaining(path) })

  test.each(["archive", "outbox"] as const)("journal of the %s", async (part) => {
    await using folder = await testFolder()
    await using storage = await fileStorage(folder.path)
    await storage.archive.append(incoming("one"))
    await storage.outbox.enqueue([outgoing("1")])
    const journal = journalOf(folder.path, part)
    const good = await readFile(journal, "utf8")
    for (const bad of [
      good.replace('"put"', '"pu'),
      good.replace(/"id":"0+1"/, '"id":"../../etc"'),
      good.replace(/"account":"[^"]*"/, '"account":7'),
      good.replace(/"aurochs":"\w+"/, '"aurochs":"other"'),
      good.replace('"format":1', '"format":9'),
      `nonsense\n${good}`,
    ]) {
      await writeFile(journal, bad)
      await expect(fileStorage(folder.path)).rejects.toMatchObject(storageError(journal))
    }
    await writeFile(journal, good)
    await using again = await fileStorage(folder.path)
    expect(await collect(again.archive.read({ account: juliet }))).toHaveLength(1)
  })

  test("a journal that vanished or shrank under a running instance", async () => {
    await using folder = await testFolder()
    await using storage = await fileStorage(folder.path)
    await storage.archive.append(incoming("one"))
    const journal = journalOf(folder.path, "archive")
    await truncate(journal, 10)
    await expect(storage.archive.append(incoming("two"))).rejects.toMatchObject(storageError(journal))
    await rm(journal)
    await using other = await fileStorage(folder.path)
    await other.outbox.enqueue([outgoing("1")])
    await rm(journalOf(folder.path, "outbox"))
    await expect(other.outbox.enqueue([outgoing("2")])).rejects.toMatchObject(
      storageError(journalOf(folder.path, "outbox")),
    )
  })

  test.each(["", "{", '{"owner":1}', '{"account":"a@b","secrets":["not Base64!"]}', "null"])(
    "secrets: %s",
    async (bad) => {
      await using folder = await testFolder()
      await using storage = await fileStorage(folder.path)
      await storage.secrets.save(juliet, new Uint8Array([1]))
      const path = await theOnlyFile(join(folder.path, "secrets"))
      await writeFile(path, bad)
      const damaged = { ...storageError(path), details: { operation: "secrets.load" } }
      await expect(storage.secrets.load(juliet)).rejects.toMatchObject(damaged)
      // It is not replaced either: what is left of it may be all there is.
      await expect(storage.secrets.save(juliet, new Uint8Array([2]))).rejects.toMatchObject(storageError(path))
      expect(await readFile(path, "utf8")).toBe(bad)
    },
  )

  test("content of an archive entry, and of a message that waits", async () => {
    await using folder = await testFolder()
    await using storage = await fileStorage(folder.path)
    const { id } = await storage.archive.append(incoming("one"))
    await storage.outbox.enqueue([outgoing("1")])
    const [entry, sealed] = [
      await theOnlyFile(join(folder.path, "archive", "content")),
      await theOnlyFile(join(folder.path, "outbox", "content")),
    ]
    for (const path of [entry, sealed]) await writeFile(path, "{}")
    const claim = () => storage.outbox.claim({ account: juliet, now, leaseMs: 1000, limit: 1 })
    await expect(storage.archive.get(id)).rejects.toMatchObject(storageError(entry))
    await expect(claim()).rejects.toMatchObject(storageError(sealed))
    for (const path of [entry, sealed]) await rm(path)
    await expect(storage.archive.get(id)).rejects.toMatchObject(storageError(id))
    await expect(claim()).rejects.toMatchObject({ code: "STORAGE" })
  })

  test("no error repeats what a file holds", async () => {
    await using folder = await testFolder()
    await using storage = await fileStorage(folder.path)
    await storage.secrets.save(juliet, new Uint8Array([1]))
    await storage.archive.append(incoming("one"))
    await storage.audit.append({ at: now, account: juliet, kind: "one" })
    const [secrets, journal, lines] = [
      await theOnlyFile(join(folder.path, "secrets")),
      journalOf(folder.path, "archive"),
      join(folder.path, "audit", "lines.jsonl"),
    ]
    for (const path of [secrets, journal, lines]) await writeFile(path, `SECRET TEXT\n{"id":"SECRET TEXT"}\n`)
    const errors = await Promise.all(
      [storage.secrets.load(juliet), fileStorage(folder.path), collect(storage.audit.read({ account: juliet }))].map(
        (call) => (call as Promise<unknown>).catch((caught: unknown) => caught),
      ),
    )
    for (const error of errors) {
      expect(error).toMatchObject({ code: "STORAGE" })
      for (let one: unknown = error; one instanceof Error; one = one.cause) expect(one.message).not.toContain("SECRET")
    }
  })
})
