import { element } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { acknowledging, isManagement, isMessage, live, resuming, SM } from "./support/acknowledgements.ts"
import { bareClient, discard } from "./support/bare-client.ts"
import { bodyOf, chat, collect, eventually, online, ours, pause, rejection } from "./support/harness.ts"
import { type Connection, scriptedServer } from "./support/scripted-server.ts"

describe("XEP-0198 receiving", () => {
  const lastCount = (connection: Connection) =>
    Number(connection.received.filter(isManagement("a")).at(-1)?.attributes.h)
  const askCount = async (connection: Connection): Promise<number> => {
    const before = connection.received.filter(isManagement("a")).length
    connection.send(element("r", SM))
    await eventually("<a/>", () => connection.received.filter(isManagement("a")).length > before)
    return lastCount(connection)
  }

  test("X9 our count moves only over messages that were kept, in order", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    const seen = collect(transport)
    await online(transport)
    const connection = await server.ready(0)
    await eventually("caught up", () => transport.log.find(({ kind }) => kind === "caught-up"))
    const base = await askCount(connection)
    for (const body of ["1", "2", "3"]) connection.send(live(body))
    await eventually("three messages", () => seen.deliveries.length === 3)
    expect(await askCount(connection)).toBe(base)
    seen.deliveries[1]?.kept()
    expect(await askCount(connection)).toBe(base)
    seen.deliveries[0]?.kept()
    seen.deliveries[0]?.kept()
    expect(await askCount(connection)).toBe(base + 2)
    seen.deliveries[2]?.kept()
    expect(await askCount(connection)).toBe(base + 3)
  })

  test("X9 bare @xmpp/client acknowledges while the handler still works", async () => {
    await using server = await scriptedServer()
    const bare = bareClient(server.service)
    let handled = false
    bare.on("stanza", async (stanza) => {
      if (stanza.name !== "message") return
      await pause(200)
      handled = true
    })
    await bare.start()
    const connection = await server.ready(0)
    await connection.got(isManagement("enable"))
    await pause(50)
    connection.send(live("1"))
    expect(await askCount(connection)).toBe(1)
    expect(handled).toBe(false)
    await discard(bare)
  })

  test("X9 resuming asks for what was not kept, and what comes again is not delivered twice", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    const seen = collect(transport)
    const sessions: boolean[] = []
    const loop = (async () => {
      for await (const { resumed } of transport.sessions()) sessions.push(resumed)
    })()
    const first = await server.ready(0)
    await eventually("caught up", () => transport.log.find(({ kind }) => kind === "caught-up"))
    const base = await askCount(first)
    for (const body of ["1", "2", "3"]) first.send(live(body))
    await eventually("three messages", () => seen.deliveries.length === 3)
    seen.deliveries[0]?.kept()
    seen.deliveries[2]?.kept()
    server.script = resuming(
      (previous) => previous.handled,
      () => server.connections,
    )
    first.cut()
    const second = await server.accepted(1)
    const resume = await second.got(isManagement("resume"))
    expect(Number(resume.attributes.h)).toBe(base + 1)
    // What the server does then (XEP-0198 §5): everything after that count, once more, and what is new.
    const stamp = element("delay", namespaces.delay, { from: "example.test", stamp: "2026-01-01T00:00:00Z" })
    for (const body of ["2", "3"]) second.send({ ...live(body), children: [...live(body).children, stamp] })
    second.send(live("4"))
    await eventually("the fourth", () => seen.bodies().includes("4"))
    expect(seen.bodies()).toEqual(["1", "2", "3", "4"])
    expect(await askCount(second)).toBe(base + 1)
    seen.deliveries[1]?.kept()
    expect(await askCount(second)).toBe(base + 3)
    seen.deliveries[3]?.kept()
    expect(await askCount(second)).toBe(base + 4)
    expect(sessions).toEqual([false, true])
    // Presence still stands (XEP-0198 §5).
    expect(second.received.some(({ name }) => name === "presence")).toBe(false)
    await transport[Symbol.asyncDispose]()
    await loop
  })

  test("X9 a server that sends something else than expected after a resumption loses us nothing", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    const seen = collect(transport)
    await online(transport)
    const first = await server.ready(0)
    for (const body of ["1", "2"]) first.send(live(body))
    await eventually("two messages", () => seen.deliveries.length === 2)
    server.script = resuming(
      (previous) => previous.handled,
      () => server.connections,
    )
    first.cut()
    const second = await server.accepted(1)
    await second.got(isManagement("resume"))
    second.send(live("other"))
    await eventually("the other", () => seen.bodies().includes("other"))
  })
})

describe("XEP-0198 resumption", () => {
  test("what the server has not acknowledged is sent again, once, in order, and resolves", async () => {
    await using server = await scriptedServer(acknowledging(() => 0))
    await using transport = ours(server)
    await online(transport)
    const first = await server.ready(0)
    const sent = Promise.all(["a", "b", "c"].map((body) => transport.send(chat("bob@example.test", body))))
    await eventually("three messages", () => first.received.filter(isMessage).length === 3)
    // The server has handled everything up to the first of the three.
    server.script = resuming(
      (previous) => previous.handled - 2,
      () => server.connections,
    )
    first.cut()
    const second = await server.accepted(1)
    await sent
    expect(second.received.filter(isMessage).map(bodyOf)).toEqual(["b", "c"])
    expect(transport.log.filter(({ kind }) => kind === "connected")).toMatchObject([
      { resumed: false },
      { resumed: true },
    ])
  })

  test("after a failed resumption nothing is sent again by itself: the sender is told", async () => {
    await using server = await scriptedServer(acknowledging(() => 0))
    await using transport = ours(server)
    await online(transport)
    const first = await server.ready(0)
    const sent = transport.send(chat("bob@example.test", "a"))
    sent.catch(() => {})
    await first.got(isMessage)
    server.script = {}
    first.cut()
    expect(await rejection(sent)).toMatchObject({ code: "NETWORK", details: { phase: "closed" } })
    const second = await server.ready(1)
    await transport.send(chat("bob@example.test", "b"))
    expect(second.received.filter(isMessage).map(bodyOf)).toEqual(["b"])
    expect(second.received.some(({ name }) => name === "presence")).toBe(true)
  })

  test("a failed resumption that tells the count resolves what the server had", async () => {
    await using server = await scriptedServer(acknowledging(() => 0))
    await using transport = ours(server)
    await online(transport)
    const first = await server.ready(0)
    const sent = Promise.allSettled(["a", "b"].map((body) => transport.send(chat("bob@example.test", body))))
    await eventually("two messages", () => first.received.filter(isMessage).length === 2)
    server.script = {
      onElement(received, connection) {
        if (!isManagement("resume")(received)) return false
        connection.send(element("failed", SM, { h: String(first.handled - 1) }))
        return true
      },
    }
    first.cut()
    expect((await sent).map(({ status }) => status)).toEqual(["fulfilled", "rejected"])
  })

  test("a request that waits survives a resumption", async () => {
    await using server = await scriptedServer({
      onElement: (received) => JSON.stringify(received).includes("urn:slow"),
    })
    await using transport = ours(server)
    await online(transport)
    const first = await server.ready(0)
    const answer = transport.request(element("iq", namespaces.client, { type: "get" }, [element("query", "urn:slow")]))
    const asked = await first.got((received) => JSON.stringify(received).includes("urn:slow"))
    first.handled++
    server.script = resuming(
      (previous) => previous.handled,
      () => server.connections,
    )
    first.cut()
    const second = await server.accepted(1)
    await second.got(isManagement("resume"))
    second.send(element("iq", namespaces.client, { type: "result", id: asked.attributes.id }))
    expect((await answer).attributes.type).toBe("result")
  })

  test("after a stream error the session is not resumed: the same stanza would end it again", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    const first = await server.ready(0)
    first.send(
      element("error", namespaces.streams, {}, [element("policy-violation", "urn:ietf:params:xml:ns:xmpp-streams")]),
    )
    const second = await server.ready(1)
    expect(second.received.some(isManagement("resume"))).toBe(false)
  })
})
