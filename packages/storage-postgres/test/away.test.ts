import { once } from "node:events"
import { createServer } from "node:net"
import type { BareJid } from "@aurochs/core"
import { describe, expect, test } from "vitest"
import { migrate, pendingMigrations, postgresStorage } from "../src/index.ts"
import { query, serverOfFile } from "./support/server.ts"

const juliet: BareJid = "juliet@capulet.example"
const romeo: BareJid = "romeo@montague.example"
const now = new Date("2026-01-02T03:04:05Z")

const server = serverOfFile()

/** A port that stays the same while the server behind it changes its own. */
async function relay(target: () => number) {
  const { connect } = await import("node:net")
  const sockets = new Set<import("node:net").Socket>()
  const listener = createServer((incoming) => {
    const outgoing = connect(target(), "127.0.0.1")
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from)
      from.on("error", () => to.destroy()).on("close", () => to.destroy())
      from.pipe(to)
    }
  }).listen(0, "127.0.0.1")
  await once(listener, "listening")
  const address = listener.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, "close")
    },
  }
}

describe("a database that is away", () => {
  test("is told as STORAGE with the operation within seconds, and calls succeed once it is back", async () => {
    await using proxy = await relay(() => Number(new URL(server.it.url).port))
    const url = new URL(server.it.url)
    url.port = String(proxy.port)
    const broken: unknown[] = []
    await using storage = await postgresStorage({ url: url.href, onError: (error) => broken.push(error) })
    const message = { account: juliet, recipient: romeo, sealed: new Uint8Array([1]), enqueuedAt: now }
    const [id] = await storage.outbox.enqueue([{ ...message, key: "before" }])

    await server.it.stop()
    const begin = performance.now()
    const away = (operation: string) => ({ code: "STORAGE", details: { operation } })
    await expect(storage.outbox.enqueue([{ ...message, key: "during" }])).rejects.toMatchObject(away("outbox.enqueue"))
    await expect(storage.state.get("cursor")).rejects.toMatchObject(away("state.get"))
    await expect(pendingMigrations({ url: url.href })).rejects.toMatchObject(away("migrate"))
    await expect(postgresStorage({ url: url.href })).rejects.toMatchObject({ code: "STORAGE" })
    expect(performance.now() - begin).toBeLessThan(8000)
    expect(broken.length).toBeGreaterThan(0)

    await server.it.restart()
    const keys: string[] = []
    for await (const entry of storage.outbox.list(juliet)) keys.push(entry.key)
    // What was refused was not accepted by half.
    expect(keys).toEqual(["before"])
    expect(await storage.outbox.enqueue([{ ...message, key: "before" }])).toEqual([id])
  }, 60_000)

  test("that accepts a connection and says nothing is given up", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1")
    await once(silent, "listening")
    const address = silent.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    try {
      const begin = performance.now()
      const url = `postgres://nobody@127.0.0.1:${address.port}/none`
      await expect(postgresStorage({ url })).rejects.toMatchObject({ code: "STORAGE" })
      expect(performance.now() - begin).toBeLessThan(8000)
    } finally {
      silent.close()
    }
  }, 15_000)

  test("a URL that is none is CONFIGURATION, and is not repeated", async () => {
    for (const url of ["", "mysql://u:secret@h/d", "host=secret"]) {
      const error: unknown = await postgresStorage({ url }).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: "CONFIGURATION", details: { field: "database" } })
      expect(String(error)).not.toContain("secret")
    }
  })
})

describe("one that answers", () => {
  test("an error never repeats a row's values", async () => {
    const url = await server.it.database("refusing")
    await migrate({ url })
    // PostgreSQL repeats the whole row in the details of such a violation.
    await query(url, "alter table aurochs.secrets add check (length(bytes) < 4)")
    await using storage = await postgresStorage({ url })
    const error: unknown = await storage.secrets
      .save(juliet, new TextEncoder().encode("a secret key"))
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: "STORAGE", details: { operation: "secrets.save" } })
    expect(String(error)).toContain("23514")
    const seen: string[] = []
    for (let one: unknown = error; one instanceof Error; one = one.cause)
      seen.push(one.message, JSON.stringify(one), ...Object.values(one).map(String))
    expect(seen.join()).not.toContain(Buffer.from("a secret key").toString("hex"))
  })

  test("a signal ends the wait for a statement that is held up", async () => {
    const url = await server.it.database("held_up")
    await migrate({ url })
    await using storage = await postgresStorage({ url })
    const lock = query(
      url,
      "with held as materialized (select pg_advisory_xact_lock(hashtextextended($1, 0))) select pg_sleep(1.5) from held",
      [JSON.stringify(["aurochs", "secrets", "default", juliet])],
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    const begin = performance.now()
    await expect(
      storage.secrets.save(juliet, new Uint8Array([1]), { signal: AbortSignal.timeout(100) }),
    ).rejects.toMatchObject({ code: "ABORTED" })
    expect(performance.now() - begin).toBeLessThan(1000)
    await lock
  })

  test("of changes that are written together, one that the database refuses fails alone", async () => {
    await using storage = await postgresStorage({ url: server.it.url, namespace: "together" })
    const entry = (key: string) => ({
      account: juliet,
      recipient: juliet,
      key,
      sealed: new Uint8Array([1]),
      enqueuedAt: new Date(0),
    })
    // PostgreSQL has no place for NUL in a text.
    const keys = ["1", "2", "a\0b", "3"]
    const results = await Promise.allSettled(keys.map((key) => storage.outbox.enqueue([entry(key)])))
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"])
    expect(results[2]).toMatchObject({ reason: { code: "STORAGE", details: { operation: "outbox.enqueue" } } })
    const kept = (await Array.fromAsync(storage.outbox.list(juliet))).map(({ key }) => key)
    expect(kept).toEqual(["1", "2", "3"])
  })

  test("what was asked for before a storage is closed is still written, as far as it was not given up", async () => {
    const storage = await postgresStorage({ url: server.it.url, namespace: "closing" })
    const over = new AbortController()
    const claims = Array.from({ length: 300 }, (_, at) =>
      storage.seen.claim(`text ${at}`, "a stanza", at === 299 ? { signal: over.signal } : {}),
    )
    over.abort()
    claims.at(-1)?.catch(() => {})
    await storage[Symbol.asyncDispose]()
    expect(new Set(await Promise.all(claims.slice(0, -1)))).toEqual(new Set(["first"]))
    await expect(claims.at(-1)).rejects.toMatchObject({ code: "ABORTED" })
    await using again = await postgresStorage({ url: server.it.url, namespace: "closing" })
    expect(await again.seen.claim("text 298", "a stanza")).toBe("same-stanza")
    expect(await again.seen.claim("text 299", "another")).toBe("first")
  })

  test("namespaces do not see each other", async () => {
    await using one = await postgresStorage({ url: server.it.url, namespace: "one" })
    await using two = await postgresStorage({ url: server.it.url, namespace: "two" })
    await one.state.put("cursor", new Uint8Array([1]))
    await one.secrets.save(juliet, new Uint8Array([1]))
    expect(await one.seen.claim("digest", "stanza")).toBe("first")
    const [id] = await one.outbox.enqueue([
      { account: juliet, recipient: romeo, key: "1", sealed: new Uint8Array([1]), enqueuedAt: now },
    ])
    expect(await two.state.get("cursor")).toBeUndefined()
    expect(await two.secrets.load(juliet)).toEqual([])
    expect(await two.seen.claim("digest", "stanza 2")).toBe("first")
    expect(await two.outbox.claim({ account: juliet, now, leaseMs: 1000, limit: 1 })).toEqual([])
    expect(await two.outbox.drop(id === undefined ? [] : [id])).toBe(0)
  })

  test("a closed storage answers with STORAGE", async () => {
    const storage = await postgresStorage({ url: server.it.url })
    await storage[Symbol.asyncDispose]()
    await expect(storage.state.get("cursor")).rejects.toMatchObject({
      code: "STORAGE",
      details: { operation: "state.get" },
    })
  })

  test("reads a long archive in pages, each entry once", async () => {
    await using storage = await postgresStorage({ url: server.it.url, namespace: "pages" })
    const stanza = { name: "message", namespace: "jabber:client", attributes: {}, children: [] }
    const count = 47
    for (let index = 0; index < count; index++)
      await storage.archive.append({
        account: juliet,
        peer: romeo,
        direction: "in",
        stanza,
        openpgp: new Uint8Array([index]),
        via: "live",
        storedAt: now,
      })
    for (const order of ["old-first", "new-first"] as const) {
      const bytes: (number | undefined)[] = []
      for await (const entry of storage.archive.read({ account: juliet, order })) bytes.push(entry.openpgp?.[0])
      const expected = Array.from({ length: count }, (_, index) => index)
      expect(bytes).toEqual(order === "old-first" ? expected : expected.reverse())
    }
  })
})
