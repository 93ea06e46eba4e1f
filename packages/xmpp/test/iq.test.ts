import { element, type XmlElement } from "@aurochs/core"
import { iq, namespaces } from "@aurochs/xml"
import { xml } from "@xmpp/client"
import { describe, expect, test } from "vitest"
import { bareClient, discard } from "./support/bare-client.ts"
import { eventually, online, ours, pause, rejection } from "./support/harness.ts"
import { type Connection, scriptedServer } from "./support/scripted-server.ts"

const question = { namespace: "urn:test:question", name: "question" }
const asked = (to?: string) => iq({ type: "get", to }, element(question.name, question.namespace))
const isQuestion = (received: XmlElement) => JSON.stringify(received).includes(question.namespace)
const answerFrom = (request: XmlElement, from: string | undefined, text: string) =>
  iq({ type: "result", id: request.attributes.id, from }, element("answer", question.namespace, {}, [text]))
const textOfAnswer = (answer: XmlElement) => JSON.stringify(answer.children)

/** Answers each question from these addresses, in order. */
async function answering(addresses: (connection: Connection) => readonly (string | undefined)[]) {
  return await scriptedServer({
    onElement(received, connection) {
      if (!isQuestion(received)) return false
      connection.handled++
      for (const from of addresses(connection)) connection.send(answerFrom(received, from, from ?? "nobody"))
      return true
    },
  })
}

describe("X2 an answer counts only from whom the request was sent to", () => {
  const cases: [to: string | undefined, forged: (string | undefined)[], real: string | undefined][] = [
    [
      "bob@example.test",
      ["mallory@evil.test", "bob@example.test/phone", "example.test", undefined, "BOB@evil.test"],
      "bob@example.test",
    ],
    [
      "bob@example.test/phone",
      ["bob@example.test", "bob@example.test/Phone", "bob@example.test/phone2"],
      "bob@example.test/phone",
    ],
    ["example.test", ["mallory@evil.test", "evil.test", "alice@example.test/other"], "example.test"],
    ["Bob@Example.TEST", ["mallory@evil.test"], "bob@example.test"],
    [undefined, ["mallory@evil.test", "bob@example.test", "alice@example.test/other"], undefined],
    [undefined, ["mallory@evil.test"], "alice@example.test"],
    [undefined, ["mallory@evil.test"], "example.test"],
    ["alice@example.test", ["mallory@evil.test", "alice@example.test.evil.test"], undefined],
    ["alice@example.test", ["mallory@evil.test"], "alice@example.test"],
  ]
  for (const [to, forged, real] of cases) {
    test(`X2 asked ${to ?? "nobody in particular"}: answered by ${real ?? "no address"}, not by ${forged.join(", ")}`, async () => {
      await using server = await answering(() => [...forged, real])
      await using transport = ours(server)
      await online(transport)
      const answer = await transport.request(asked(to))
      expect(textOfAnswer(answer)).toContain(real ?? "nobody")
      const dropped = transport.log.filter(({ kind }) => kind === "dropped")
      expect(dropped).toHaveLength(forged.length)
      expect(dropped[0]).toMatchObject({ why: "unexpected-answer" })
    })
  }

  test("X2 bare @xmpp/client takes the first answer with the id, from anybody", async () => {
    await using server = await answering(() => ["mallory@evil.test", "bob@example.test"])
    const bare = bareClient(server.service)
    await bare.start()
    const request = xml("iq", { type: "get", to: "bob@example.test" }, xml("question", { xmlns: question.namespace }))
    const answer = await bare.iqCaller.request(request)
    expect(answer.attrs.from).toBe("mallory@evil.test")
    await discard(bare)
  })

  test("X2 ids have 128 random bits, also if the caller brings one", async () => {
    await using server = await answering(() => [undefined])
    await using transport = ours(server)
    await online(transport)
    for (let at = 0; at < 3; at++) {
      await transport.request({ ...asked(), attributes: { type: "get", id: "1" } })
    }
    const ids = server.connections[0]?.received.filter(isQuestion).map(({ attributes }) => attributes.id)
    expect(new Set(ids).size).toBe(3)
    for (const id of ids ?? []) expect(id).toMatch(/^[0-9a-f]{32}$/)
  })

  test("an answer that comes twice, or to nobody's question, is ignored", async () => {
    await using server = await answering(() => [undefined, undefined])
    await using transport = ours(server)
    await online(transport)
    await transport.request(asked())
    server.connections[0]?.send(iq({ type: "result", id: "never-asked" }))
    await eventually("two dropped", () => transport.log.filter(({ kind }) => kind === "dropped").length === 2)
    await transport.request(asked())
  })

  test("X12 addresses are compared as RFC 7622 prepares them: a full-width or decomposed one is the same account", async () => {
    await using server = await answering(() => ["ｊｕ\u0308ｒｇｅｎ@EXAMPLE.test"])
    await using transport = ours(server)
    await online(transport)
    await transport.request(asked("jürgen@example.test"), { timeoutMs: 2_000 })
  })
})

describe("requests", () => {
  test("an error is told with condition, type and application condition", async () => {
    await using server = await scriptedServer({
      onElement(received, connection) {
        if (!isQuestion(received)) return false
        const conditions = [
          element("conflict", namespaces.stanzas),
          element("precondition-not-met", namespaces.pubsubErrors),
        ]
        const error = element("error", namespaces.client, { type: "cancel" }, conditions)
        connection.send(iq({ type: "error", id: received.attributes.id }, error))
        return true
      },
    })
    await using transport = ours(server)
    await online(transport)
    expect(await rejection(transport.request(asked()))).toMatchObject({
      code: "STANZA_ERROR",
      details: { condition: "conflict", type: "cancel", application: "precondition-not-met" },
    })
  })

  test("a request without connection waits for one, as long as it may", async () => {
    await using server = await scriptedServer({ silent: true })
    await using transport = ours(server)
    const started = Date.now()
    const error = await rejection(transport.request(asked(), { timeoutMs: 150 }))
    expect(error).toMatchObject({ code: "NETWORK", details: { phase: "timeout" } })
    expect(Date.now() - started).toBeLessThan(1_500)
  })

  test("requests that wait when the session is lost are told so", async () => {
    await using server = await scriptedServer({
      management: false,
      onElement: (received) => isQuestion(received),
    })
    await using transport = ours(server)
    await online(transport)
    const request = transport.request(asked())
    await (await server.ready(0)).got(isQuestion)
    server.connections[0]?.cut()
    expect(await rejection(request)).toMatchObject({ code: "NETWORK", details: { phase: "closed" } })
  })
})

describe("RFC 6120 §8.2.3 requests to us are answered", () => {
  const answerTo = async (
    query: XmlElement | readonly XmlElement[],
    from = "mallory@evil.test/r",
    type: "get" | "set" = "get",
  ) => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    const connection = await server.ready(0)
    const request = iq({ type, id: "q-1", from, to: connection.jid })
    connection.send({ ...request, children: Array.isArray(query) ? query : [query] })
    const answer = await connection.got(({ name, attributes }) => name === "iq" && attributes.id === "q-1")
    return { answer, log: transport.log }
  }

  test("unknown: service-unavailable", async () => {
    const { answer } = await answerTo(element("query", "urn:unknown"))
    expect(answer.attributes).toMatchObject({ type: "error", to: "mallory@evil.test/r" })
    expect(JSON.stringify(answer)).toContain("service-unavailable")
  })

  test("ping (XEP-0199)", async () => {
    expect((await answerTo(element("ping", namespaces.ping))).answer.attributes.type).toBe("result")
  })

  test("disco#items is empty; disco#info of a node we do not have: item-not-found", async () => {
    const items = await answerTo(element("query", namespaces.discoItems))
    expect(items.answer).toMatchObject({ attributes: { type: "result" }, children: [{ name: "query", children: [] }] })
    const info = await answerTo(element("query", namespaces.discoInfo, { node: "other" }))
    expect(JSON.stringify(info.answer)).toContain("item-not-found")
  })

  test("none or several children: bad-request", async () => {
    expect(JSON.stringify((await answerTo([])).answer)).toContain("bad-request")
    const two = [element("ping", namespaces.ping), element("ping", namespaces.ping)]
    expect(JSON.stringify((await answerTo(two)).answer)).toContain("bad-request")
  })

  test("A14 a roster push from a stranger is refused and told, from our own account it is taken", async () => {
    const push = element("query", namespaces.roster, {}, [
      element("item", namespaces.roster, { jid: "mallory@evil.test" }),
    ])
    const stranger = await answerTo(push, "mallory@evil.test/r", "set")
    expect(stranger.answer.attributes.type).toBe("error")
    expect(stranger.log).toContainEqual({ kind: "dropped", why: "roster-push", from: "mallory@evil.test/r" })
    expect((await answerTo(push, "alice@example.test", "set")).answer.attributes.type).toBe("result")
  })

  test("a flood of requests that are not answered yet is refused", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    using _mute = transport.answer(question, () => new Promise(() => {}))
    await online(transport)
    const connection = await server.ready(0)
    for (let at = 0; at < 101; at++)
      connection.send({ ...asked(), attributes: { type: "get", id: `q${at}`, from: "m@evil.test/r" } })
    const answer = await connection.got(({ attributes }) => attributes.id === "q100")
    expect(JSON.stringify(answer)).toContain("resource-constraint")
    await pause(20)
    expect(connection.received.filter(({ attributes }) => /^q\d/.test(attributes.id ?? ""))).toHaveLength(1)
  })
})
