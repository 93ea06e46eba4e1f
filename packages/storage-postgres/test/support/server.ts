import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type EmbeddedPostgres, embeddedPostgres } from "@aurochs/postgres-embedded"
import { Client } from "pg"
import { afterAll, beforeAll } from "vitest"
import { migrate } from "../../src/index.ts"

/** A PostgreSQL of this test file's own. */
export interface TestServer extends AsyncDisposable {
  readonly url: string
  /** Makes an empty database; its URL. */
  database(name: string): Promise<string>
  stop(): Promise<void>
  /** Starts it again; the URL of the same database may have another port. */
  restart(): Promise<void>
  /** The URL as it is now. */
  urlOf(name: string): string
}

export async function testServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), "aurochs-pg-"))
  // As root the server runs as another user, who has to pass through.
  await chmod(folder, 0o711)
  const start = () => embeddedPostgres({ folder: join(folder, "postgres"), durable: false })
  let server: EmbeddedPostgres = await start()
  const urlOf = (name: string) => {
    const url = new URL(server.url)
    url.pathname = `/${name}`
    return url.href
  }
  return {
    get url() {
      return server.url
    },
    urlOf,
    async database(name) {
      await query(server.url, `create database "${name}"`)
      return urlOf(name)
    },
    stop: () => server.stop(),
    async restart() {
      server = await start()
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Runs one statement on a connection of its own, past the code under test. */
export async function query(url: string, text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text, values)).rows
  } finally {
    await client.end()
  }
}

/**
 * One for a test file: started before its tests and stopped after them.
 *
 * @param prepared with the tables in its own database
 */
export function serverOfFile(prepared: "migrated" | "empty" = "migrated"): { readonly it: TestServer } {
  let server: TestServer | undefined
  beforeAll(async () => {
    server = await testServer()
    if (prepared === "migrated") await migrate({ url: server.url })
  }, 60_000)
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
  }, 60_000)
  return {
    get it() {
      if (server === undefined) throw new Error("the server was not started")
      return server
    },
  }
}
