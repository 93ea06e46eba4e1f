import { createHash } from "node:crypto"
import { childElement, element } from "@aurochs/core"
import { discoInfo, iq, namespaces, publicKeysNode } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { capsVersion } from "../src/disco.ts"
import { defaultFeatures } from "../src/index.ts"
import { eventually, online, ours, pause } from "./support/harness.ts"
import { type Connection, scriptedServer } from "./support/scripted-server.ts"

describe("XEP-0115 capabilities", () => {
  test("the verification string of the specification's simple example (§5.2)", () => {
    const identities = [{ category: "client", type: "pc", name: "Exodus 0.9.1" }]
    const features = [namespaces.discoInfo, namespaces.discoItems, "http://jabber.org/protocol/muc", namespaces.caps]
    expect(capsVersion({ identities, features })).toBe("QgayPKawpkPSDYmwT/WM94uAlu0=")
  })

  test("does not depend on the order of features, and sorts by octets, not by what a person would", () => {
    const identities = [{ category: "client", type: "bot", name: "x" }]
    const features = ["b", "a", "Z", "\u{1f402}", "\uffee", "aa", "ä"]
    const reversed = [...features].reverse()
    expect(capsVersion({ identities, features })).toBe(capsVersion({ identities, features: reversed }))
    const sorted = ["Z", "a", "aa", "b", "ä", "\uffee", "\u{1f402}"].map((name) => `${name}<`).join("")
    const expected = createHash("sha1").update(`client/bot//x<${sorted}`).digest("base64")
    expect(capsVersion({ identities, features })).toBe(expected)
  })
})

const capsOf = (connection: Connection) => {
  const presence = connection.received.filter(({ name }) => name === "presence").at(-1)
  return presence && childElement(presence, "c", namespaces.caps)?.attributes
}

async function infoOf(connection: Connection, node: string | undefined, id: string) {
  connection.send(iq({ type: "get", id, from: "bob@example.test/b" }, element("query", namespaces.discoInfo, { node })))
  const answer = await connection.got(({ attributes }) => attributes.id === id)
  const query = childElement(answer, "query", namespaces.discoInfo)
  return query === undefined ? undefined : discoInfo.read(query)
}

describe("what we announce", () => {
  test("I1 urn:xmpp:openpgp:im:0, key list notifications and EME, in disco#info and in the capabilities' hash", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    const connection = await server.ready(0)
    const caps = await eventually("capabilities", () => capsOf(connection))
    expect(caps).toMatchObject({ hash: "sha-1" })
    const info = await infoOf(connection, `${caps.node}#${caps.ver}`, "d-1")
    expect(defaultFeatures).toEqual(["urn:xmpp:openpgp:im:0", `${publicKeysNode}+notify`, "urn:xmpp:eme:0"])
    expect(info?.features).toEqual(expect.arrayContaining([...defaultFeatures, namespaces.discoInfo, namespaces.caps]))
    expect(info?.identities).toEqual([{ category: "client", type: "bot", name: "Aurochs" }])
    expect(capsVersion(info ?? { identities: [], features: [] })).toBe(caps.ver)
    expect((await infoOf(connection, undefined, "d-2"))?.features).toEqual(info?.features)
    expect(await infoOf(connection, `${caps.node}#old`, "d-3")).toBeUndefined()
  })

  test("a feature that comes or goes is told by a new presence; several at once by one", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server)
    await online(transport)
    const connection = await server.ready(0)
    const presences = () => connection.received.filter(({ name }) => name === "presence").length
    const before = await eventually("capabilities", () => capsOf(connection))
    const one = transport.feature("urn:test:one")
    const same = transport.feature("urn:test:one")
    transport.feature("urn:test:two")
    await eventually("a second presence", () => presences() === 2)
    const after = capsOf(connection)
    expect(after?.ver).not.toBe(before.ver)
    expect((await infoOf(connection, `${after?.node}#${after?.ver}`, "d-1"))?.features).toContain("urn:test:one")
    one[Symbol.dispose]()
    one[Symbol.dispose]()
    await pause(20)
    expect(presences(), "somebody still has it").toBe(2)
    same[Symbol.dispose]()
    await eventually("a third presence", () => presences() === 3)
  })

  test("features and identity are the operator's choice", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, { features: [], identity: { category: "client", type: "console", name: "x" } })
    await online(transport)
    const info = await infoOf(await server.ready(0), undefined, "d-1")
    expect(info?.features).not.toContain("urn:xmpp:openpgp:im:0")
    expect(info?.identities).toEqual([{ category: "client", type: "console", name: "x" }])
  })

  test("presence: none sends none, and asks for no carbons", async () => {
    await using server = await scriptedServer()
    await using transport = ours(server, { presence: "none" })
    await online(transport)
    await transport.send(element("message", namespaces.client, { to: "bob@example.test" }))
    const { received } = await server.ready(0)
    expect(received.some(({ name }) => name === "presence")).toBe(false)
    expect(JSON.stringify(received)).not.toContain(namespaces.carbons)
  })
})
