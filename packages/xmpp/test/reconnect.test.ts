import { createServer } from "node:net"
import { element } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { settingsOf, type TransportEvent } from "../src/options.ts"
import { backoff } from "../src/session.ts"
import { bareClient, discard } from "./support/bare-client.ts"
import { chat, eventually, online, ours, pause, rejection } from "./support/harness.ts"
import { scriptedServer } from "./support/scripted-server.ts"

const retries = (log: readonly TransportEvent[]) => log.filter((event) => event.kind === "disconnected")
const settings = (first: number, longest: number) =>
  settingsOf({ jid: "alice@example.test", password: "x", backoffMs: { first, longest } })

describe("X6 a server that falls silent", () => {
  test("X6 at connecting: given up after a time, tried again and again, until it is healthy", async () => {
    await using server = await scriptedServer({ silent: true })
    await using transport = ours(server, { stepTimeoutMs: 60 })
    const session = online(transport)
    await eventually("three attempts", () => server.connections.length >= 3)
    expect(retries(transport.log)[0]).toMatchObject({ error: { code: "NETWORK", details: { phase: "timeout" } } })
    server.script = {}
    await session
  })

  test("X6 bare @xmpp/client tries once more and then waits for ever", async () => {
    await using server = await scriptedServer({ silent: true })
    const bare = bareClient(server.service)
    await bare.start().catch(() => {})
    await eventually("an attempt", () => server.connections.length >= 1)
    server.script = {}
    await pause(3_500)
    expect(server.connections.length).toBeLessThanOrEqual(2)
    expect(bare.status).not.toBe("online")
    await discard(bare)
  }, 15_000)

  for (const step of ["features", "bind", "enable"] as const) {
    test(`X6 at ${step}: each step has its time`, async () => {
      await using server = await scriptedServer({
        onOpen: (connection) => step === "features" && connection.number === 0,
        onElement: (received, connection) =>
          connection.number === 0 &&
          (received.name === step ||
            received.children.some((child) => typeof child !== "string" && child.name === step)),
      })
      await using transport = ours(server, { stepTimeoutMs: 80 })
      await online(transport)
      expect(retries(transport.log)[0]).toMatchObject({ error: { details: { phase: "timeout" } } })
    })
  }

  test("X6 in a session with XEP-0198: asked after a silence, then given up", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, { keepaliveMs: 80, ackTimeoutMs: 60 })
    await online(transport)
    const first = await server.ready(0)
    await first.got(({ name }) => name === "r")
    await pause(200)
    expect(server.connections, "an answer keeps it").toHaveLength(1)
    server.script = { onElement: (_received, connection) => connection.number === 0 }
    await first.closed
    await server.ready(1)
    expect(retries(transport.log)[0]).toMatchObject({ error: { details: { phase: "timeout" } } })
  })

  test("X6 in a session without XEP-0198: pinged after a silence, then given up", async () => {
    await using server = await scriptedServer({ management: false })
    await using transport = ours(server, { keepaliveMs: 80, ackTimeoutMs: 60 })
    await online(transport)
    const first = await server.ready(0)
    await first.got((received) => JSON.stringify(received).includes(namespaces.ping))
    server.script = { management: false, onElement: (_received, connection) => connection.number === 0 }
    await first.closed
    await server.ready(1)
  })

  test("X6 an acknowledgement that does not come is a lost connection", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, { ackTimeoutMs: 80 })
    await online(transport)
    const first = await server.ready(0)
    server.script = { onElement: (_received, connection) => connection.number === 0 }
    expect((await rejection(transport.send(chat("bob@example.test", "x")))).code).toBe("NETWORK")
    await first.closed
  })
})

describe("X7 back-off", () => {
  test("X7 grows exponentially up to the longest, with jitter", () => {
    const waits = (failures: number) => Array.from({ length: 200 }, () => backoff(settings(1_000, 60_000), failures))
    for (const [failures, most] of [
      [0, 1_000],
      [1, 2_000],
      [4, 16_000],
      [10, 60_000],
      [1_000, 60_000],
    ] as const) {
      const all = waits(failures)
      expect(Math.max(...all)).toBeLessThanOrEqual(most)
      expect(Math.min(...all)).toBeGreaterThanOrEqual(most / 2)
      expect(new Set(all).size, "jitter").toBeGreaterThan(20)
    }
  })

  test("X7 a refused connection is tried with growing waits, a session starts them anew", async () => {
    const held = createServer()
    await new Promise<void>((resolve) => held.listen(0, "127.0.0.1", resolve))
    const address = held.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    await new Promise<void>((resolve) => held.close(() => resolve()))
    await using transport = ours({ service: `xmpp://127.0.0.1:${port}` }, { backoffMs: { first: 10, longest: 10_000 } })
    void online(transport).catch(() => {})
    await eventually("five attempts", () => retries(transport.log).length >= 5)
    const waits = retries(transport.log).map(({ retryInMs }) => retryInMs)
    expect(waits[4]).toBeGreaterThanOrEqual(80)
    expect(waits[0]).toBeLessThanOrEqual(10)
    expect(retries(transport.log)[0]).toMatchObject({ error: { code: "NETWORK", details: { phase: "connect" } } })
  })

  test("X7 after a session the first wait is short again", async () => {
    await using server = await scriptedServer({
      onOpen(connection) {
        if (connection.number < 3) connection.cut()
        return connection.number < 3
      },
    })
    await using transport = ours(server, { backoffMs: { first: 10, longest: 10_000 } })
    await online(transport)
    ;(await server.ready(3)).cut()
    await server.accepted(4)
    const waits = retries(transport.log).map(({ retryInMs }) => retryInMs)
    expect(waits).toHaveLength(4)
    expect(waits[2]).toBeGreaterThanOrEqual(20)
    expect(waits[3]).toBeLessThanOrEqual(10)
  })
})

describe("the first connection", () => {
  test("firstConnection: fail tells at once that there is no server", async () => {
    await using transport = ours({ service: "xmpp://127.0.0.1:1" }, { firstConnection: "fail" })
    const waiting = transport.send(chat("bob@example.test", "x"))
    waiting.catch(() => {})
    expect(await rejection(online(transport))).toMatchObject({ code: "NETWORK", details: { phase: "connect" } })
    expect((await rejection(waiting)).code).toBe("NETWORK")
    expect(transport.log.map(({ kind }) => kind)).toEqual(["failed"])
  })

  test("firstConnection: fail says nothing of later ones", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, { firstConnection: "fail" })
    await online(transport)
    ;(await server.ready(0)).cut()
    await server.ready(1)
  })

  test("disposing while it connects ends everything", async () => {
    await using server = await scriptedServer({ silent: true })
    const transport = ours(server)
    const sessions = (async () => {
      for await (const _session of transport.sessions());
    })()
    await server.accepted(0)
    await transport[Symbol.asyncDispose]()
    await sessions
    await server.connections[0]?.closed
  })

  test("a log that throws does no harm", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, {
      onEvent: () => {
        throw new Error("log")
      },
    })
    await online(transport)
    ;(await server.ready(0)).send(element("presence", namespaces.client, { from: "bob@example.test/b" }))
    await transport.send(chat("bob@example.test", "x"))
  })
})
