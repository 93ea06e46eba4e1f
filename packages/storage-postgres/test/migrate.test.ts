import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { bareJid } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import { migrate, pendingMigrations, postgresStorage } from "../src/index.ts"
import { query, serverOfFile } from "./support/server.ts"

const server = serverOfFile("empty")

const all = ["0001-first", "0002-out-of-line", "0003-openpgp-once", "0004-unclear", "0005-audit-only-grows"]

describe("migrations", () => {
  test("missing ones are named, and opening refuses with CONFIGURATION until they are applied", async () => {
    const url = await server.it.database("missing")
    const pending = await pendingMigrations({ url })
    expect(pending).toEqual(all)
    await expect(postgresStorage({ url })).rejects.toMatchObject({
      code: "CONFIGURATION",
      details: { field: "database" },
      message: expect.stringMatching(/0001-first.*run migrate/),
    })
    // Looking changed nothing.
    expect(await query(url, "select 1 from pg_namespace where nspname = 'aurochs'")).toEqual([])
    expect(await migrate({ url })).toEqual({ applied: pending })
    expect(await migrate({ url })).toEqual({ applied: [] })
    expect(await pendingMigrations({ url })).toEqual([])
    await using storage = await postgresStorage({ url })
    expect(storage.durable).toBe(true)
  })

  test("two processes migrate at once: one does, both succeed", async () => {
    const url = await server.it.database("at_once")
    const module = new URL("../src/index.ts", import.meta.url).href
    const script = `const { migrate } = await import(${JSON.stringify(module)})
      console.log(JSON.stringify(await migrate({ url: process.env.TEST_URL })))`
    const outputs = await Promise.all(
      [1, 2].map(() =>
        promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
          env: { ...process.env, TEST_URL: url },
        }),
      ),
    )
    const applied = outputs.map(({ stdout }) => (JSON.parse(stdout) as { applied: string[] }).applied)
    expect(applied.flat()).toEqual(all)
    expect(await pendingMigrations({ url })).toEqual([])
  }, 30_000)

  test("many in one process migrate at once", async () => {
    const url = await server.it.database("at_once_too")
    const results = await Promise.all(Array.from({ length: 6 }, () => migrate({ url })))
    expect(results.flatMap((one) => one.applied)).toEqual(all)
  })

  test("a database of a newer version is refused with CONFIGURATION", async () => {
    const url = await server.it.database("newer")
    await migrate({ url })
    await query(url, "insert into aurochs.migrations (name, timestamp) values ('9999-later', 'now')")
    const refused = { code: "CONFIGURATION", message: expect.stringContaining("9999-later") }
    await expect(postgresStorage({ url })).rejects.toMatchObject(refused)
    await expect(migrate({ url })).rejects.toMatchObject(refused)
    await expect(pendingMigrations({ url })).rejects.toMatchObject(refused)
  })

  test("a line of the audit log is neither changed nor removed, by SQL either", async () => {
    const url = await server.it.database("audit")
    await migrate({ url })
    await using storage = await postgresStorage({ url })
    const account = bareJid("bot@ox.test")
    const event = { at: new Date(1_000), account, kind: "key-approved", detail: { by: "hand" } }
    await storage.audit.append(event)
    for (const statement of [
      "update aurochs.audit set kind = 'nothing'",
      "delete from aurochs.audit",
      "truncate aurochs.audit",
    ]) {
      await expect(query(url, statement), statement).rejects.toThrow("aurochs.audit only grows")
    }
    expect(await Array.fromAsync(storage.audit.read({ account }))).toEqual([event])
  })

  test("everything lies in the schema aurochs", async () => {
    const url = await server.it.database("schema")
    await migrate({ url })
    const tables = await query(
      url,
      "select table_schema from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')",
    )
    expect(new Set(tables.map((row) => row.table_schema))).toEqual(new Set(["aurochs"]))
    expect(tables.length).toBeGreaterThanOrEqual(7)
  })
})
