import { element } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { bareClient, discard } from "./support/bare-client.ts"
import { chat, collect, eventually, online, ours, pause, rejection } from "./support/harness.ts"
import { scriptedServer } from "./support/scripted-server.ts"

const me = "alice@example.test/r0"
const live = (body: string) =>
  `<message xmlns='jabber:client' from='bob@example.test/b' to='${me}'><body>${body}</body></message>`

describe("X3 characters that are split across TCP segments", () => {
  const bytes = new TextEncoder().encode(live("an ox: \u{1f402}"))

  test("X3 arrive whole, at whatever byte they are split", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    const seen = collect(transport)
    await online(transport)
    const connection = await server.ready(0)
    // No answer of the server may come between the halves.
    await eventually("caught up", () => transport.log.find(({ kind }) => kind === "caught-up"))
    for (const cut of [1, 2, 3]) {
      const at = bytes.indexOf(0xf0) + cut
      connection.send(bytes.slice(0, at))
      await pause(20)
      connection.send(bytes.slice(at))
    }
    await eventually("three messages", () => seen.deliveries.length === 3)
    expect(seen.bodies()).toEqual(Array(3).fill("an ox: \u{1f402}"))
  })

  test("X3 bare @xmpp/client makes replacement characters of them", async () => {
    await using server = await scriptedServer()
    const bare = bareClient(server.service)
    const bodies: (string | null)[] = []
    bare.on("stanza", (stanza) => stanza.name === "message" && bodies.push(stanza.getChildText("body")))
    await bare.start()
    const connection = await server.ready(0)
    const at = bytes.indexOf(0xf0) + 2
    connection.send(bytes.slice(0, at))
    await pause(20)
    connection.send(bytes.slice(at))
    expect(await eventually("a message", () => bodies[0] ?? undefined)).toContain("\ufffd")
    await discard(bare)
  })

  test("X3 bytes that are no UTF-8 end the stream", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    const seen = collect(transport)
    await online(transport)
    const connection = await server.ready(0)
    connection.send(Buffer.from(live("bad \xff").replace("\xff", "\xff"), "latin1"))
    await connection.closed
    expect(seen.deliveries).toEqual([])
  })
})

describe("X10 X11 XML that no server may send ends the stream", () => {
  const deep = (levels: number) => `${"<a>".repeat(levels)}${"</a>".repeat(levels)}`
  const hostile: [what: string, text: string][] = [
    ["X10 20,000 levels", `<message xmlns='jabber:client' from='bob@example.test'>${deep(20_000)}</message>`],
    ["X10 a stanza that never ends", `<message xmlns='jabber:client'><body>${"x".repeat(2_000_000)}`],
    ["X10 100,000 elements", `<message xmlns='jabber:client'>${"<a/>".repeat(100_000)}</message>`],
    ["X11 a document type declaration", `<!DOCTYPE x [<!ENTITY e "boom">]>${live("&e;")}`],
    ["X11 a processing instruction", `<?evil now?>${live("x")}`],
    ["X11 a duplicate attribute", `<message xmlns='jabber:client' from='bob@example.test' from='eve@example.test'/>`],
    ["X11 an unbound prefix", `<message xmlns='jabber:client'><x:y/></message>`],
    ["X11 an undefined entity", live("&nbsp;")],
    ["X11 a mismatched tag", "<message xmlns='jabber:client'><body></message>"],
  ]
  for (const [what, text] of hostile) {
    test(`${what}: refused, then a fresh session`, async () => {
      await using server = await scriptedServer()
      await using transport = ours(server)
      const seen = collect(transport)
      await online(transport)
      const connection = await server.ready(0)
      connection.send(text)
      await connection.closed
      const error = await eventually("the event", () => transport.log.find(({ kind }) => kind === "disconnected"))
      expect(error).toMatchObject({ error: { code: "BAD_DATA", details: { what: "xml" } } })
      const next = await server.ready(1)
      // Resuming would have the same stanza sent again.
      expect(next.received.some(({ name }) => name === "resume")).toBe(false)
      next.send(live("after"))
      await eventually("a message", () => seen.bodies().includes("after"))
      expect(seen.deliveries).toHaveLength(1)
    })
  }

  test("X10 bare @xmpp/client delivers the deep stanza, and whoever writes it out overflows the stack", async () => {
    await using server = await scriptedServer()
    const bare = bareClient(server.service)
    let overflow: unknown
    bare.on("stanza", (stanza) => {
      if (stanza.name !== "message") return
      try {
        stanza.toString()
      } catch (error) {
        overflow = error
      }
    })
    await bare.start()
    ;(await server.ready(0)).send(`<message from='bob@example.test'>${deep(20_000)}</message>`)
    expect(await eventually("an overflow", () => overflow)).toBeInstanceOf(RangeError)
    await discard(bare)
  })

  test("X11 bare @xmpp/client takes the last of two attributes, and is deaf behind a DOCTYPE", async () => {
    await using server = await scriptedServer()
    const bare = bareClient(server.service)
    const from: (string | undefined)[] = []
    bare.on("stanza", (stanza) => stanza.name === "message" && from.push(stanza.attrs.from))
    await bare.start()
    const connection = await server.ready(0)
    connection.send("<message from='bob@example.test' from='eve@example.test'/>")
    await eventually("a message", () => from.length === 1)
    connection.send(`<!DOCTYPE x [<!ENTITY e "boom">]>${live("x")}`)
    connection.send(live("y"))
    await pause(100)
    expect(from).toEqual(["eve@example.test"])
    expect(bare.status).toBe("online")
    await discard(bare)
  })
})

describe("what we send", () => {
  test("a stanza above the limit is refused before it is sent", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, { maxStanzaBytes: 10_000 })
    await online(transport)
    const error = await rejection(transport.send(chat("bob@example.test", "\u{1f402}".repeat(3_000))))
    expect(error).toMatchObject({ code: "BAD_DATA", details: { what: "xml", limit: "maxStanzaBytes" } })
    await transport.send(chat("bob@example.test", "short"))
    expect(server.connections).toHaveLength(1)
  })

  test("a message without id gets one, another keeps its own", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    await transport.send(chat("bob@example.test", "a", { id: "mine" }))
    await transport.send(element("message", namespaces.client, { to: "bob@example.test" }))
    const messages = server.connections[0]?.received.filter(({ name }) => name === "message")
    expect(messages?.map(({ attributes }) => attributes.id)).toEqual(["mine", expect.stringMatching(/^[0-9a-f]{32}$/)])
  })
})
