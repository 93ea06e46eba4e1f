import { element, type XmlElement } from "@aurochs/core"
import { carbons, namespaces } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { chat, collect, eventually, online, ours } from "./support/harness.ts"
import { scriptedServer } from "./support/scripted-server.ts"

const account = "alice@example.test"
const me = `${account}/r0`

function forwarded(stanza: XmlElement, stamp?: string): XmlElement {
  const delay = stamp === undefined ? [] : [element("delay", namespaces.delay, { stamp })]
  return element("forwarded", namespaces.forward, {}, [...delay, stanza])
}
function carbon(direction: "sent" | "received", from: string | undefined, inner: XmlElement): XmlElement {
  return element("message", namespaces.client, { from, to: me }, [
    element(direction, namespaces.carbons, {}, [forwarded(inner, "2026-01-02T03:04:05Z")]),
  ])
}
function event(from: string | undefined, node = "urn:test:node", type: string | undefined = "headline"): XmlElement {
  const item = element("item", namespaces.pubsubEvent, { id: "1" }, [element("thing", "urn:test")])
  return element("message", namespaces.client, { from, to: me, type }, [
    element("event", namespaces.pubsubEvent, {}, [element("items", namespaces.pubsubEvent, { node }, [item])]),
  ])
}

/** Sends these, then a last message; what was delivered before it, and what was dropped. */
async function after(...stanzas: readonly (XmlElement | string)[]) {
  await using server = await scriptedServer()
  await using transport = ours(server)
  const seen = collect(transport)
  const events: { from: string; item: boolean }[] = []
  const listening = (async () => {
    for await (const { from, item } of transport.events("urn:test:node"))
      events.push({ from, item: item !== undefined })
  })()
  await online(transport)
  const connection = await server.ready(0)
  for (const stanza of stanzas) connection.send(stanza)
  connection.send(chat(me, "the last", { from: "bob@example.test/b" }))
  await eventually("the last message", () => seen.bodies().includes("the last"))
  await transport[Symbol.asyncDispose]()
  await listening
  return {
    deliveries: seen.deliveries.slice(0, -1),
    events,
    dropped: transport.log.flatMap((one) => (one.kind === "dropped" ? [one.why] : [])),
    last: seen.deliveries.at(-1),
  }
}

describe("A12 carbons", () => {
  const sent = chat("bob@example.test", "I said", { from: `${account}/phone` })
  const received = chat(`${account}/phone`, "he said", { from: "bob@example.test/b" })

  test("A12 from our own bare JID are delivered, unwrapped, with their direction", async () => {
    const { deliveries, dropped } = await after(carbon("sent", account, sent), carbon("received", account, received))
    expect(deliveries.map(({ via }) => via)).toEqual(["carbon-sent", "carbon-received"])
    expect(deliveries.map(({ stanza }) => stanza)).toEqual([sent, received])
    expect(deliveries[0]?.stampedAt).toEqual(new Date("2026-01-02T03:04:05Z"))
    expect(dropped).toEqual([])
  })

  for (const from of [
    "mallory@evil.test",
    "mallory@evil.test/r",
    `${account}/phone`,
    "example.test",
    `${account}.evil.test`,
    undefined,
  ]) {
    test(`A12 from ${from ?? "no address"} are dropped`, async () => {
      const { deliveries, dropped } = await after(carbon("sent", from, sent), carbon("received", from, received))
      expect(deliveries).toEqual([])
      expect(dropped).toEqual(["forged-carbon", "forged-carbon"])
    })
  }

  test("A12 a copy of something that is neither from nor to us is dropped", async () => {
    const foreign = chat("carol@example.test", "x", { from: "bob@example.test/b" })
    const { deliveries, dropped } = await after(carbon("sent", account, foreign), carbon("received", account, foreign))
    expect(deliveries).toEqual([])
    expect(dropped).toEqual(["forged-carbon", "forged-carbon"])
  })

  test("A12 a carbon without, or with two, forwarded messages is dropped", async () => {
    const wrapped = (...inner: XmlElement[]) =>
      element("message", namespaces.client, { from: account }, [element("received", namespaces.carbons, {}, inner)])
    const two = element("forwarded", namespaces.forward, {}, [received, received])
    expect((await after(wrapped(), wrapped(two))).dropped).toEqual(["malformed", "malformed"])
  })

  test("carbons are asked for in a new session", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    const asked = await (await server.ready(0)).got((received) => JSON.stringify(received).includes(namespaces.carbons))
    expect(asked.children).toEqual([carbons.enable()])
  })
})

describe("A13 archive results", () => {
  const result = (from: string | undefined, queryid: string | undefined) =>
    element("message", namespaces.client, { from, to: me }, [
      element("result", namespaces.mam, { queryid, id: "1" }, [
        forwarded(chat(account, "forged", { from: "bob@example.test/b" }), "2026-01-02T03:04:05Z"),
      ]),
    ])
  test("A13 nobody asked for are dropped, even from our own account", async () => {
    const { deliveries, dropped } = await after(
      result("mallory@evil.test", "q"),
      result(account, "q"),
      result(undefined, undefined),
    )
    expect(deliveries).toEqual([])
    expect(dropped).toEqual(Array(3).fill("forged-archive-result"))
  })
})

describe("A14 PEP notifications", () => {
  test("A14 come from the bare JID that owns the node; without an address, from our own account", async () => {
    const { events, deliveries } = await after(
      event("bob@example.test"),
      event(undefined),
      event("BOB@example.test", "urn:test:node", undefined),
    )
    expect(events.map(({ from }) => from)).toEqual(["bob@example.test", account, "bob@example.test"])
    expect(deliveries).toEqual([])
  })

  test("A14 a resource cannot speak for its account's nodes", async () => {
    const { events, dropped } = await after(event("mallory@evil.test/r"), event("bob@example.test/b"))
    expect(events).toEqual([])
    expect(dropped).toEqual(["forged-event", "forged-event"])
  })

  test("R35 a notification without payload is told, too", async () => {
    const empty = element("message", namespaces.client, { from: "bob@example.test", type: "headline" }, [
      element("event", namespaces.pubsubEvent, {}, [
        element("items", namespaces.pubsubEvent, { node: "urn:test:node" }),
      ]),
    ])
    expect((await after(empty)).events).toEqual([{ from: "bob@example.test", item: false }])
  })

  test("of another node it is nobody's business; of a pubsub service it is a message", async () => {
    const { events, deliveries } = await after(
      event("bob@example.test", "urn:test:other"),
      event("pubsub.example.test"),
    )
    expect(events).toEqual([])
    expect(deliveries).toHaveLength(1)
  })

  test("events() asks for notifications as long as it is iterated", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    const connection = await server.ready(0)
    const presences = () => connection.received.filter(({ name }) => name === "presence").length
    await eventually("presence", () => presences() === 1)
    const events = transport.events("urn:test:node")[Symbol.asyncIterator]()
    const next = events.next()
    await eventually("a presence with other capabilities", () => presences() === 2)
    connection.send(event("bob@example.test"))
    await next
    await events.return?.()
    await eventually("a presence with the former capabilities", () => presences() === 3)
  })
})

describe("stamps (XEP-0203)", () => {
  const delayed = (...stamps: [from: string | undefined, stamp: string][]): XmlElement => {
    const message = chat(me, "late", { from: "bob@example.test/b" })
    const delays = stamps.map(([from, stamp]) => element("delay", namespaces.delay, { from, stamp }))
    return { ...message, children: [...message.children, ...delays] }
  }
  const stampOf = async (stanza: XmlElement) => (await after(stanza)).deliveries[0]?.stampedAt?.toISOString()

  test("those of our own server or account count", async () => {
    expect(await stampOf(delayed(["example.test", "2026-01-02T03:04:05Z"]))).toBe("2026-01-02T03:04:05.000Z")
    expect(await stampOf(delayed(["Alice@Example.test", "2026-01-02T03:04:05Z"]))).toBe("2026-01-02T03:04:05.000Z")
  })

  test("nobody else's do", async () => {
    for (const from of [
      "evil.test",
      "bob@example.test",
      "alice@example.test/phone",
      "example.test.evil.test",
      undefined,
    ]) {
      expect(await stampOf(delayed([from, "2026-01-02T03:04:05Z"])), String(from)).toBeUndefined()
    }
  })

  test("of several the newest: a sender who adds an older one gains nothing by it", async () => {
    const both = delayed(["example.test", "2020-01-01T00:00:00Z"], ["example.test", "2026-01-02T03:04:05Z"])
    expect(await stampOf(both)).toBe("2026-01-02T03:04:05.000Z")
    expect(await stampOf(delayed(["example.test", "garbage"]))).toBeUndefined()
  })
})

describe("subscriptions", () => {
  const subscribe = element("presence", namespaces.client, { type: "subscribe", from: "bob@example.test", to: account })
  const answersTo = async (subscriptions: "accept" | "ignore" | undefined) => {
    await using server = await scriptedServer()
    await using transport = ours(server, { subscriptions })
    await online(transport)
    const connection = await server.ready(0)
    connection.send(subscribe)
    // Acknowledged after the request was read; the second one after its answers arrived.
    for (const text of ["x", "y"]) await transport.send(chat("bob@example.test", text))
    return connection.received.flatMap(({ name, attributes }) =>
      name === "presence" && attributes.type ? [attributes.type] : [],
    )
  }
  test("are left alone by default", async () => {
    expect(await answersTo(undefined)).toEqual([])
  })
  test("are accepted and asked back where the operator says so", async () => {
    expect(await answersTo("accept")).toEqual(["subscribed", "subscribe"])
  })
})
