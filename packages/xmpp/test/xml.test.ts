import { element } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { bareClient, discard } from "./support/bare-client.ts"
import { chat, collect, eventually, online, ours, pause, rejection } from "./support/harness.ts"
import { type Connection, scriptedServer } from "./support/scripted-server.ts"

const me = "alice@example.test/r0"
const deep = (levels: number) => `${"<a>".repeat(levels)}${"</a>".repeat(levels)}`
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

describe("X10 a stanza beyond a bound", () => {
  const filled = (inside: string) =>
    `<message xmlns='jabber:client' from='bob@example.test/b' to='${me}'>${inside}</message>`
  const hostile: [what: string, text: string][] = [
    ["20,000 levels", filled(deep(20_000))],
    ["more bytes", filled(`<body>${"x".repeat(2_000_000)}</body>`)],
    ["100,000 elements", filled("<a/>".repeat(100_000))],
    ["100 attributes", filled(`<a ${Array.from({ length: 100 }, (_, at) => `a${at}='>'`).join(" ")}/>`)],
    ["20,000 children", filled("<a/>x".repeat(10_001))],
  ]
  for (const [what, text] of hostile) {
    test(`X10 ${what}: left out, told, counted; the stream goes on`, async () => {
      await using server = await scriptedServer()
      await using transport = ours(server)
      const seen = collect(transport)
      await online(transport)
      const connection = await server.ready(0)
      await eventually("caught up", () => transport.log.find(({ kind }) => kind === "caught-up"))
      const before = await countOf(connection)
      connection.send(text)
      connection.send(live("after"))
      await eventually("a message", () => seen.bodies().includes("after"))
      expect(seen.deliveries).toHaveLength(1)
      expect(transport.log).toContainEqual({ kind: "dropped", why: "beyond-limits" })
      seen.deliveries[0]?.kept()
      expect(await countOf(connection)).toBe(before + 2)
      expect(server.connections).toHaveLength(1)
    })
  }

  test("X10 in the archive it does not stop the catch-up: nobody can lock an account out with one", async () => {
    await using server = await scriptedServer({
      onElement(received, connection) {
        const query = received.children.find((child) => typeof child !== "string" && child.namespace === namespaces.mam)
        if (query === undefined || typeof query === "string") return false
        connection.handled++
        const result = (id: string, inside: string) =>
          `<message from='alice@example.test'><result xmlns='urn:xmpp:mam:2' id='${id}' queryid='${query.attributes.queryid}'><forwarded xmlns='urn:xmpp:forward:0'>${filled(inside)}</forwarded></result></message>`
        connection.send(result("1", deep(1_000)) + result("2", "<body>behind it</body>"))
        connection.send(
          `<iq type='result' id='${received.attributes.id}'><fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'/></fin></iq>`,
        )
        return true
      },
    })
    await using transport = ours(server, { catchUpDays: 1 })
    const seen = collect(transport)
    await online(transport)
    await eventually("what is behind it", () => seen.bodies().includes("behind it"))
    expect(server.connections).toHaveLength(1)
  })

  test("X10 one that never ends is not kept in memory, and ends the stream", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, { limits: { maxBytes: 10_000 } })
    await online(transport)
    const connection = await server.ready(0)
    connection.send(`<message xmlns='jabber:client'><body>${"x".repeat(200_000)}`)
    await connection.closed
    const error = await eventually("the event", () => transport.log.find(({ kind }) => kind === "disconnected"))
    expect(error).toMatchObject({ error: { code: "BAD_DATA", details: { limit: "maxBytes" } } })
  })

  const countOf = async (connection: Connection): Promise<number> => {
    const counts = () => connection.received.filter(({ name }) => name === "a")
    const before = counts().length
    connection.send(element("r", namespaces.streamManagement))
    await eventually("<a/>", () => counts().length > before)
    return Number(counts().at(-1)?.attributes.h)
  }
})

describe("X11 XML that no server may send ends the stream", () => {
  const hostile: [what: string, text: string][] = [
    ["a document type declaration", `<!DOCTYPE x [<!ENTITY e "boom">]>${live("&e;")}`],
    ["a processing instruction", `<?evil now?>${live("x")}`],
    ["a comment", `<message xmlns='jabber:client'><!-- x --></message>`],
    ["a duplicate attribute", `<message xmlns='jabber:client' from='bob@example.test' from='eve@example.test'/>`],
    ["an unbound prefix", `<message xmlns='jabber:client'><x:y/></message>`],
    ["an undefined entity", live("&nbsp;")],
    ["a mismatched tag", "<message xmlns='jabber:client'><body></message></body>"],
    ["text between stanzas", `text${live("x")}`],
    ["a tag in a tag", "<message <body></body></message>"],
  ]
  for (const [what, text] of hostile) {
    test(`X11 ${what}: refused, then a fresh session`, async () => {
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
