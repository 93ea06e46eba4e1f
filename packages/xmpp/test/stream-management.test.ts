import { element, type XmlElement } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { xml } from "@xmpp/client"
import { describe, expect, test } from "vitest"
import { acknowledging, isManagement, isMessage, SM } from "./support/acknowledgements.ts"
import { bareClient, discard } from "./support/bare-client.ts"
import { bodyOf, chat, eventually, online, ours, pause, rejection } from "./support/harness.ts"
import { scriptedServer } from "./support/scripted-server.ts"

describe("XEP-0198 sending", () => {
  test("send() resolves when the server has acknowledged, not before", async () => {
    let limit = 0
    await using server = await scriptedServer(acknowledging(() => limit))
    await using transport = ours(server)
    await online(transport)
    let resolved = false
    const sent = transport.send(chat("bob@example.test", "x")).then(() => {
      resolved = true
    })
    const connection = await server.ready(0)
    await connection.got(isMessage)
    await pause(50)
    expect(resolved).toBe(false)
    limit = Number.POSITIVE_INFINITY
    await sent
  })

  test("many stanzas at once are asked about together", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    await Promise.all(Array.from({ length: 100 }, (_, at) => transport.send(chat("bob@example.test", String(at)))))
    const received = server.connections[0]?.received ?? []
    expect(received.filter(isMessage).map(bodyOf)).toEqual(Array.from({ length: 100 }, (_, at) => String(at)))
    expect(received.filter(isManagement("r")).length).toBeLessThan(10)
  })

  test("X4 a count that is higher than what was sent ends the stream, and resolves nothing", async () => {
    await using server = await scriptedServer({
      onElement(received, connection) {
        if (!isManagement("r")(received)) return false
        if (connection.number === 0 && connection.received.some(isMessage))
          connection.send(element("a", SM, { h: "99" }))
        else connection.send(element("a", SM, { h: String(connection.handled) }))
        return true
      },
    })
    await using transport = ours(server)
    await online(transport)
    const error = await rejection(transport.send(chat("bob@example.test", "x")))
    expect(error).toMatchObject({ code: "NETWORK", details: { phase: "closed" } })
    await server.ready(1)
    await transport.send(chat("bob@example.test", "y"))
  })

  for (const h of ["", "-1", "1e9", "4294967296", "0x1"]) {
    test(`X4 <a h='${h}'/> is no count`, async () => {
      await using server = await scriptedServer()
      await using transport = ours(server)
      await online(transport)
      const connection = await server.ready(0)
      connection.send(element("a", SM, { h }))
      await connection.closed
      await server.ready(1)
    })
  }

  test("X4 bare @xmpp/client has a TypeError, and goes on with wrong counters", async () => {
    await using server = await scriptedServer()
    const bare = bareClient(server.service)
    await bare.start()
    const connection = await server.ready(0)
    await connection.got(isManagement("enable"))
    await pause(50)
    connection.send(element("a", SM, { h: "99" }))
    expect(await eventually("an error", () => bare.errors[0])).toBeInstanceOf(TypeError)
    expect(bare.status).toBe("online")
    await discard(bare)
  })

  test("X5 a session is told only when <enabled/> has come: what is sent then is never lost silently", async () => {
    let enable = () => {}
    await using server = await scriptedServer({
      onElement(received, connection) {
        if (!isManagement("enable")(received)) return false
        enable = () => {
          connection.handled = 0
          connection.send(element("enabled", SM, { id: "s", resume: "true" }))
        }
        return true
      },
    })
    await using transport = ours(server)
    const sends = Array.from({ length: 20 }, (_, at) => transport.send(chat("bob@example.test", String(at))))
    const outcomes = Promise.allSettled(sends)
    const connection = await server.ready(0)
    await connection.got(isManagement("enable"))
    await pause(50)
    expect(connection.received.some(isMessage)).toBe(false)
    server.script = { onElement: (received) => isMessage(received) || isManagement("r")(received) }
    enable()
    await connection.got(isMessage)
    connection.cut()
    server.script = {}
    // The server does not know the session any more.
    expect((await outcomes).map(({ status }) => status)).toEqual(Array(20).fill("rejected"))
  })

  test("X5 bare @xmpp/client is online before <enabled/>: 20 sends resolve, and are gone without a trace", async () => {
    await using server = await scriptedServer({
      onElement: (received) => isManagement("enable")(received) || isMessage(received),
    })
    const bare = bareClient(server.service)
    let failed = 0
    await bare.start()
    bare.streamManagement.on("fail", () => failed++)
    await Promise.all(Array.from({ length: 20 }, (_, at) => bare.send(xml("message", { id: String(at) }))))
    server.connections[0]?.cut()
    await pause(100)
    expect(failed).toBe(0)
    await discard(bare)
  })

  test("X8 a send while there is no connection waits, and is sent when there is one", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await transport.send(chat("bob@example.test", "x"))
    expect(server.connections[0]?.received.filter(isMessage).map(bodyOf)).toEqual(["x"])
  })

  test("X8 it stops waiting with a typed error when it is told to, or when the transport is gone", async () => {
    await using server = await scriptedServer({ silent: true })
    const transport = ours(server)
    const waiting = transport.send(chat("bob@example.test", "x"))
    const aborted = transport.send(chat("bob@example.test", "x"), { signal: AbortSignal.timeout(50) })
    expect((await rejection(aborted)).code).toBe("ABORTED")
    waiting.catch(() => {})
    await transport[Symbol.asyncDispose]()
    expect(await rejection(waiting)).toMatchObject({ code: "NETWORK", details: { phase: "closed" } })
    expect((await rejection(transport.send(chat("bob@example.test", "x")))).code).toBe("NETWORK")
  })

  test("X8 bare @xmpp/client has a TypeError", async () => {
    const bare = bareClient("xmpp://127.0.0.1:1")
    await expect((async () => await bare.send(xml("message", {})))()).rejects.toThrow(TypeError)
    await discard(bare)
  })

  test("without XEP-0198 send() resolves after an answered ping", async () => {
    const pings: XmlElement[] = []
    await using server = await scriptedServer({
      management: false,
      onElement(received) {
        if (!JSON.stringify(received).includes(namespaces.ping)) return false
        pings.push(received)
        return false
      },
    })
    await using transport = ours(server)
    await online(transport)
    await transport.send(chat("bob@example.test", "x"))
    const received = server.connections[0]?.received ?? []
    expect(received.findIndex((one) => pings.includes(one))).toBeGreaterThan(received.findIndex(isMessage))
    expect(transport.log[0]).toMatchObject({ kind: "connected", acknowledgements: false })
  })

  test("disposing rejects what is not acknowledged, says goodbye, and takes the count along", async () => {
    await using server = await scriptedServer(acknowledging(() => 0))
    const transport = ours(server)
    await online(transport)
    const sent = transport.send(chat("bob@example.test", "x"))
    sent.catch(() => {})
    const connection = await server.ready(0)
    await connection.got(isMessage)
    await transport[Symbol.asyncDispose]()
    expect(await rejection(sent)).toMatchObject({ code: "NETWORK", details: { phase: "closed" } })
    await connection.got(isManagement("a"))
    await connection.closed
    await pause(50)
    expect(server.connections).toHaveLength(1)
  })
})
