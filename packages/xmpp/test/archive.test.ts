import { type Delivery, element, type XmlElement } from "@aurochs/core"
import { memoryStorage } from "@aurochs/storage"
import { iq, namespaces } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { account, archived, archiveOf, liveWithId, minute, queryOf } from "./support/archive-script.ts"
import { bodyOf, chat, collect, eventually, online, ours, pause } from "./support/harness.ts"
import { scriptedServer } from "./support/scripted-server.ts"

const caughtUp = (transport: { log: readonly { kind: string }[] }, times = 1) =>
  eventually("caught up", () => transport.log.filter(({ kind }) => kind === "caught-up").length >= times)

const key = `xmpp:mam-cursor:${account}`
async function storedId(state: ReturnType<typeof memoryStorage>["state"]): Promise<string | undefined> {
  const value = await state.get(key)
  return value === undefined ? undefined : JSON.parse(new TextDecoder().decode(value.bytes)).id
}

describe("XEP-0313 catch-up", () => {
  test("a first start begins at now: nothing old is delivered, the position is stored", async () => {
    const archive = archiveOf([archived(1), archived(2)])
    const { state } = memoryStorage()
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    const seen = collect(transport)
    await online(transport)
    await caughtUp(transport)
    expect(seen.deliveries).toEqual([])
    expect(archive.queries[0]).toMatchObject({ before: true, max: 1 })
    await transport[Symbol.asyncDispose]()
    expect(await storedId(state)).toBe("id-2")
  })

  test("a first start asks where the archive ends before its presence lets messages in", async () => {
    const archive = archiveOf([])
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server)
    await online(transport)
    const { received } = await server.ready(0)
    await eventually("presence", () => received.some(({ name }) => name === "presence"))
    const query = received.findIndex((one) => queryOf(one) !== undefined)
    expect(query).toBeGreaterThan(-1)
    expect(query).toBeLessThan(received.findIndex(({ name }) => name === "presence"))
  })

  test("catchUpDays reaches back at a first start, by the stamp", async () => {
    const archive = archiveOf([archived(1)])
    await using server = await scriptedServer(archive.script)
    const clock = { now: () => new Date("2026-01-03T00:00:00Z"), sleep: () => new Promise<void>(() => {}) }
    await using transport = ours(server, { catchUpDays: 2, clock })
    const seen = collect(transport)
    await online(transport)
    await eventually("the old message", () => seen.deliveries.length === 1)
    expect(archive.queries[0]?.start).toBe("2025-12-31T23:50:00Z")
    expect(seen.deliveries[0]).toMatchObject({ via: "mam", stampedAt: new Date(minute(1)) })
  })

  test("a later start reads everything since the position, page by page, oldest first", async () => {
    const items = Array.from({ length: 25 }, (_, at) => archived(at))
    const archive = archiveOf(items, { page: 10 })
    const { state } = memoryStorage()
    await state.put(key, new TextEncoder().encode(JSON.stringify({ id: "id-2", at: minute(2) })))
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    const seen = collect(transport)
    await online(transport)
    await caughtUp(transport)
    await eventually("all messages", () => seen.deliveries.length === 22)
    expect(seen.bodies()).toEqual(items.slice(3).map((_, at) => `text ${at + 3}`))
    expect(archive.queries.map(({ after }) => after)).toEqual(["id-2", "id-12", "id-22"])
    expect(new Set(archive.queries.map(({ queryid }) => queryid)).size).toBe(3)
  })

  test("the position moves only past what was kept, in order", async () => {
    const archive = archiveOf([archived(1), archived(2), archived(3), archived(4)])
    const { state } = memoryStorage()
    await state.put(key, new TextEncoder().encode(JSON.stringify({ id: "id-1", at: minute(1) })))
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    const seen = collect(transport)
    await online(transport)
    await eventually("three messages", () => seen.deliveries.length === 3)
    seen.deliveries[1]?.kept()
    await pause(20)
    expect(await storedId(state)).toBe("id-1")
    seen.deliveries[0]?.kept()
    await eventually("the position", () => storedIs(state, "id-3"))
    await transport[Symbol.asyncDispose]()
    // After a crash here, what was not kept comes again.
    await using again = ours(server, { state })
    const seenAgain = collect(again)
    await online(again)
    await eventually("the fourth", () => seenAgain.deliveries.length === 1)
    expect(seenAgain.bodies()).toEqual(["text 4"])
  })

  test("live messages move the position, by the id of our own archive only", async () => {
    const archive = archiveOf([archived(1)])
    const { state } = memoryStorage()
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    const seen = collect(transport)
    await online(transport)
    await caughtUp(transport)
    const connection = await server.ready(0)
    connection.send(liveWithId(2))
    const foreign = archived(3).stanza
    const stanzaId = element("stanza-id", namespaces.stanzaId, { by: "mallory@evil.test", id: "id-99" })
    connection.send({ ...foreign, children: [...foreign.children, stanzaId] })
    await eventually("both", () => seen.deliveries.length === 2)
    for (const delivery of seen.deliveries) delivery.kept()
    await eventually("the position", () => storedIs(state, "id-2"))
    await transport[Symbol.asyncDispose]()
    expect(await storedId(state)).toBe("id-2")
  })

  test("what arrives live while the archive is read is delivered once, and does not move the position over the gap", async () => {
    const items = [archived(1), archived(2), archived(3)]
    const archive = archiveOf(items)
    const { state } = memoryStorage()
    await state.put(key, new TextEncoder().encode(JSON.stringify({ id: "id-1", at: minute(1) })))
    let goOn: (() => void) | undefined
    await using server = await scriptedServer({
      onElement(received, connection) {
        if (received.name === "iq" && queryOf(received) !== undefined && goOn === undefined) {
          goOn = () => void archive.script.onElement?.(received, connection)
          return true
        }
        return archive.script.onElement?.(received, connection)
      },
    })
    await using transport = ours(server, { state })
    const seen = collect(transport)
    await online(transport)
    const connection = await server.ready(0)
    connection.send(liveWithId(3))
    await eventually("the live message", () => seen.deliveries.length === 1)
    seen.deliveries[0]?.kept()
    await pause(20)
    expect(await storedId(state)).toBe("id-1")
    goOn?.()
    await caughtUp(transport)
    await eventually("the one from the gap", () => seen.deliveries.length === 2)
    expect(seen.bodies()).toEqual(["text 3", "text 2"])
    expect(await storedId(state)).toBe("id-1")
    seen.deliveries[1]?.kept()
    await eventually("the position", () => storedIs(state, "id-3"))
  })

  test("a new session in the same process asks from the position, and delivers nothing twice", async () => {
    const archive = archiveOf([archived(1)])
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server)
    const seen = collect(transport)
    await online(transport)
    await caughtUp(transport)
    const first = await server.ready(0)
    first.send(liveWithId(2))
    await eventually("a message", () => seen.deliveries.length === 1)
    archive.items.push(archived(2), archived(3))
    first.cut()
    await server.ready(1)
    await caughtUp(transport, 2)
    await eventually("the missed one", () => seen.deliveries.length === 2)
    expect(seen.bodies()).toEqual(["text 2", "text 3"])
    expect(archive.queries.at(-1)).toMatchObject({ after: "id-1" })
  })

  test("a position that the archive no longer knows: by time, with a margin for the clocks", async () => {
    const archive = archiveOf([archived(30), archived(40)])
    const { state } = memoryStorage()
    await state.put(key, new TextEncoder().encode(JSON.stringify({ id: "id-gone", at: minute(35) })))
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    const seen = collect(transport)
    await online(transport)
    await caughtUp(transport)
    expect(archive.queries.map(({ after, start }) => after ?? start)).toEqual(["id-gone", "2026-01-01T00:25:00Z"])
    expect(seen.bodies()).toEqual(["text 30", "text 40"])
  })

  test("our own messages are delivered, too", async () => {
    const mine = chat("bob@example.test", "I said", { from: `${account}/phone` })
    const archive = archiveOf([archived(1), archived(2, mine)])
    const { state } = memoryStorage()
    await state.put(key, new TextEncoder().encode(JSON.stringify({ id: "id-1", at: minute(1) })))
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    const seen = collect(transport)
    await online(transport)
    await eventually("ours", () => seen.deliveries.length === 1)
    expect(seen.deliveries[0]).toMatchObject({ via: "mam", stanza: mine })
  })

  for (const from of ["mallory@evil.test", "example.test", `${account}/phone`]) {
    test(`A13 results from ${from} are dropped, though the query is open`, async () => {
      const archive = archiveOf([archived(1), archived(2)], { from })
      const { state } = memoryStorage()
      await state.put(key, new TextEncoder().encode(JSON.stringify({ id: "id-1", at: minute(1) })))
      await using server = await scriptedServer(archive.script)
      await using transport = ours(server, { state })
      const seen = collect(transport)
      await online(transport)
      await caughtUp(transport)
      expect(seen.deliveries).toEqual([])
      expect(transport.log).toContainEqual({ kind: "dropped", why: "forged-archive-result", from })
    })
  }

  test("A13 a result of something that is neither from nor to us is dropped", async () => {
    const foreign = chat("carol@example.test", "x", { from: "bob@example.test/b" })
    const archive = archiveOf([archived(1), archived(2, foreign)])
    const { state } = memoryStorage()
    await state.put(key, new TextEncoder().encode(JSON.stringify({ id: "id-1", at: minute(1) })))
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    const seen = collect(transport)
    await online(transport)
    await caughtUp(transport)
    expect(seen.deliveries).toEqual([])
  })

  test("a server without archive is no failure", async () => {
    await using server = await scriptedServer({
      onElement(received, connection) {
        if (received.name !== "iq" || queryOf(received) === undefined) return false
        connection.handled++
        const error = element("error", namespaces.client, { type: "cancel" }, [
          element("service-unavailable", namespaces.stanzas),
        ])
        connection.send(iq({ type: "error", id: received.attributes.id }, error))
        return true
      },
    })
    await using transport = ours(server)
    const seen = collect(transport)
    await online(transport)
    ;(await server.ready(0)).send(chat(account, "hello", { from: "bob@example.test/b" }))
    await eventually("a message", () => seen.deliveries.length === 1)
    await pause(50)
    expect(transport.log.map(({ kind }) => kind)).toEqual(["connected"])
  })

  test("a long absence is read as fast as messages are taken, not faster", async () => {
    const items = Array.from({ length: 600 }, (_, at) => ({ ...archived(1), id: `id-${at}` }))
    const archive = archiveOf(items)
    const { state } = memoryStorage()
    await state.put(key, new TextEncoder().encode(JSON.stringify({ id: "id-0", at: minute(0) })))
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    const messages = transport.messages()[Symbol.asyncIterator]()
    await messages.next()
    await pause(150)
    expect(archive.queries.length).toBeLessThanOrEqual(2)
    for (let taken = 1; taken < 599; taken++) (await messages.next()).value?.kept()
    await caughtUp(transport)
    await messages.return?.()
  })

  test("messages() has one consumer at a time; what it did not take is for the next", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    const connection = await server.ready(0)
    for (const body of ["1", "2"]) connection.send(chat(account, body, { from: "bob@example.test/b" }))
    const first = transport.messages()[Symbol.asyncIterator]()
    expect((await first.next()).value?.stanza.children).toBeDefined()
    const second = transport.messages()[Symbol.asyncIterator]()
    await expect(second.next()).rejects.toMatchObject({ code: "CONFIGURATION", details: { field: "messages" } })
    await first.return?.()
    const third = transport.messages()[Symbol.asyncIterator]()
    expect(JSON.stringify((await third.next()).value)).toContain('"2"')
    await third.return?.()
  })

  test("messages that nobody takes do not fill the memory: they stay in the archive", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    const connection = await server.ready(0)
    for (let at = 0; at < 1_010; at++) connection.send(chat(account, String(at), { from: "bob@example.test/b" }))
    await eventually(
      "ten are dropped",
      () => transport.log.filter((one) => one.kind === "dropped" && one.why === "queue-full").length === 10,
    )
  })

  test("X9 what found no room is read from the archive when there is, and acknowledged only when it is kept", async () => {
    const archive = archiveOf([archived(1)])
    const { state } = memoryStorage()
    await using server = await scriptedServer(archive.script)
    await using transport = ours(server, { state })
    await online(transport)
    const connection = await server.ready(0)
    const messages = transport.messages()[Symbol.asyncIterator]()
    const next = async () => (await messages.next()).value as Delivery
    const first = next()
    await caughtUp(transport)
    const count = async () => {
      const before = connection.received.length
      connection.send(element("r", namespaces.streamManagement))
      const isAnswer = ({ name }: XmlElement) => name === "a"
      return await eventually("a count", () => {
        const answer = connection.received.slice(before).find(isAnswer)
        return answer === undefined ? undefined : { h: Number(answer.attributes.h) }
      })
    }
    const { h } = await count()
    // One is taken at once, 1,000 wait, 10 find no room.
    for (let at = 2; at < 1_013; at++) {
      archive.items.push({ ...archived(at), stamp: minute(2) })
      connection.send(liveWithId(at))
    }
    await eventually("ten are dropped", () => transport.log.filter(({ kind }) => kind === "dropped").length === 10)
    const deliveries = [await first]
    while (deliveries.length < 1_001) deliveries.push(await next())
    for (const delivery of deliveries) delivery.kept()
    const missed: Delivery[] = []
    while (missed.length < 10) missed.push(await next())
    await caughtUp(transport, 2)
    expect(missed.map(({ via, stanza }) => [via, bodyOf(stanza)])).toEqual(
      Array.from({ length: 10 }, (_, at) => ["mam", `text ${at + 1_003}`]),
    )
    expect(await count()).toEqual({ h: h + 1_001 })
    for (const delivery of missed.slice(1)) delivery.kept()
    await pause(20)
    expect(await count()).toEqual({ h: h + 1_001 })
    expect(await storedId(state)).toBe("id-1002")
    missed[0]?.kept()
    expect((await count()).h).toBeGreaterThanOrEqual(h + 1_011)
    await eventually("the position", () => storedIs(state, "id-1012"))
    // And what comes then is as usual.
    connection.send(liveWithId(2_000))
    expect((await next()).via).toBe("live")
    await messages.return?.()
  })

  test("a position that cannot be read is a failure to connect, not a gap", async () => {
    const { state } = memoryStorage()
    let broken = true
    const flaky = {
      ...state,
      get: async (...args: Parameters<typeof state.get>) =>
        broken ? Promise.reject(new Error("disk")) : await state.get(...args),
    }
    await using server = await scriptedServer()
    await using transport = ours(server, { state: flaky })
    const session = online(transport)
    await eventually("a failure", () => transport.log.find(({ kind }) => kind === "disconnected"))
    expect(server.connections).toHaveLength(0)
    broken = false
    await session
  })
})

function storedIs(state: ReturnType<typeof memoryStorage>["state"], id: string): boolean {
  void storedId(state).then((stored) => {
    latest.set(state, stored)
  })
  return latest.get(state) === id
}
const latest = new WeakMap<object, string | undefined>()
