import { chmod, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describeStorage } from "@aurochs/conformance"
import { unpackedPrograms } from "@aurochs/debian-programs"
import { embeddedPostgres } from "@aurochs/postgres-embedded"
import { migrate, postgresStorage } from "@aurochs/storage-postgres"
import { describe, expect, test } from "vitest"
import { needs } from "./rig/needs.ts"
import { eventually, freePort, start } from "./rig/processes.ts"

const rig = needs({
  name: "pgbouncer",
  programs: () => unpackedPrograms({ pgbouncer: "pgbouncer" }),
  async start(programs, folder) {
    // As root both are other users, who have to pass through.
    await chmod(folder, 0o711)
    const postgres = await embeddedPostgres({ folder: join(folder, "postgres"), durable: false })
    await migrate({ url: postgres.url })
    const { hostname, port, username, password, pathname } = new URL(postgres.url)
    const own = await freePort()
    const file = join(folder, "pgbouncer.ini")
    const database = `host=${hostname} port=${port} user=${username} password=${password} dbname=${pathname.slice(1)}`
    const config = `[databases]
pooled = ${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
`
    await writeFile(file, config, { mode: 0o644 })
    const user = process.getuid?.() === 0 ? ["-u", "nobody"] : []
    const env = { ...process.env, ...programs.env }
    const pooler = start(programs.path("pgbouncer"), [...user, file], { env })
    const url = `postgres://${username}@127.0.0.1:${own}/pooled`
    await eventually("pgbouncer answers", async () => {
      if (pooler.child.exitCode !== null) throw new Error(`pgbouncer ended: ${pooler.output()}`)
      return postgresStorage({ url }).then(
        (storage) => storage[Symbol.asyncDispose]().then(() => true),
        () => undefined,
      )
    })
    const stop = async () => {
      await pooler.stop()
      await postgres.stop()
    }
    return { url, stop }
  },
})

describe("PostgreSQL behind a pooler that knows nothing of prepared statements", () => {
  test("calls go on, with each connection of the database used by several of ours", async () => {
    await using storage = await postgresStorage({ url: rig.it.url, maxConnections: 8 })
    await storage.seen.claim("known", "stanza")
    const work = Array.from({ length: 200 }, async (_, at) => {
      await storage.state.put(`key ${at}`, Uint8Array.of(at))
      expect((await storage.state.get(`key ${at}`))?.bytes).toEqual(Uint8Array.of(at))
      // Each is claimed together with one that is there already.
      const [own, known] = await Promise.all([
        storage.seen.claim(`message ${at}`, "stanza"),
        storage.seen.claim("known", "stanza"),
      ])
      expect([own, known]).toEqual(["first", "same-stanza"])
    })
    await Promise.all(work)
  })
})

describeStorage("postgres behind pgbouncer", async () => {
  const namespace = crypto.randomUUID()
  return {
    open: () => postgresStorage({ url: rig.it.url, namespace, maxConnections: 4 }),
    dispose: async () => {},
  }
})
