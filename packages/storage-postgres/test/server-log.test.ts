import { chmod, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { embeddedPostgres } from "@aurochs/postgres-embedded"
import { Client } from "pg"
import { expect, test } from "vitest"

test("the embedded server's log has no statement, no value and no row of one that failed", async () => {
  const base = await mkdtemp(join(tmpdir(), "aurochs-pg-"))
  await chmod(base, 0o711)
  const folder = join(base, "postgres")
  const server = await embeddedPostgres({ folder, durable: false })
  const client = new Client({ connectionString: server.url })
  try {
    await client.connect()
    await client.query("create table notes (id integer primary key, text text check (length(text) < 3))")
    const failures: readonly [string, unknown[]][] = [
      ["insert into notes values (1, 'wherefore')", []],
      ["insert into notes values (2, $1)", ["wherefore"]],
      ["insert into notes values ($1, 'a')", ["wherefore"]],
      ["insert into notes select 'wherefore'::integer, 'a'", []],
      ["do $$ begin raise warning 'wherefore'; end $$; wherefore", []],
    ]
    for (const [text, values] of failures) await expect(client.query(text, values)).rejects.toThrow()
    await client.query("do $$ begin raise warning 'wherefore'; end $$")
  } finally {
    await client.end()
    await server.stop()
  }
  const log = await readFile(join(folder, "server.log"), "utf8")
  await rm(base, { recursive: true, force: true })
  expect(log).toContain("ready to accept connections")
  expect(log).not.toMatch(/wherefore|insert|notes/i)
}, 60_000)
