import { describeKeyDirectory } from "@aurochs/conformance"
import { element, isAurochsError, textOf } from "@aurochs/core"
import { pepDirectory } from "@aurochs/keys"
import { namespaces, parseDateTime, pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { juliet, julietKeys, makeKey, romeo, standingClock } from "./people.ts"
import { type PepBehaviour, type PepService, pepService, stanzaError } from "./pep-service.ts"

const { provider, keys } = await julietKeys(3)
const [one, two, three] = keys.map((key) => key.small) as [Cert, Cert, Cert]
type Cert = (typeof keys)[number]["small"]

function setUp(behaviour: PepBehaviour = {}) {
  const service = pepService(behaviour)
  const clock = standingClock()
  const directory = pepDirectory({ transport: service.transport(juliet), provider, clock })
  return { service, clock, directory }
}

const listNode = (service: PepService) => service.node(juliet, publicKeysNode)
const listOf = (service: PepService) => {
  const payload = listNode(service)?.items.at(-1)?.payload
  return payload === undefined ? [] : publicKeysList.read(payload).map((entry) => entry.fingerprint)
}

describeKeyDirectory("pep", async () => {
  const { directory } = setUp()
  return { directory, owner: juliet, certificates: [one, two], [Symbol.asyncDispose]: async () => {} }
})
describeKeyDirectory("pep on a server that keeps every item and looks at no publish-options", async () => {
  const { directory } = setUp({ manyItems: true, publishOptions: false, withoutConfig: true })
  return { directory, owner: juliet, certificates: [one, two], [Symbol.asyncDispose]: async () => {} }
})

describe("announcing", () => {
  test("the data node is published and read back before the list names it (R26, R28)", async () => {
    const { service, directory } = setUp()
    await directory.publish(one)
    const seen = service.asked.map(({ action, node }) => `${action} ${node === publicKeysNode ? "list" : "data"}`)
    const published = seen.indexOf("publish data")
    const readBack = seen.indexOf("items data", published)
    expect(published).toBeGreaterThanOrEqual(0)
    expect(readBack).toBeGreaterThan(published)
    expect(seen.indexOf("publish list")).toBeGreaterThan(readBack)
  })

  test("a data node that cannot be published is never listed, and the error has its condition (R28, R50)", async () => {
    const { service, directory } = setUp({
      before({ action, node }) {
        if (action === "publish" && node !== publicKeysNode) throw stanzaError("policy-violation", "modify")
      },
    })
    await expect(directory.publish(one)).rejects.toMatchObject({ details: { condition: "policy-violation" } })
    expect(listNode(service)).toBeUndefined()
  })

  test.each([
    ["policy-violation", undefined],
    ["not-acceptable", "payload-too-big"],
  ] as const)(
    "what the server finds too large (%s) is announced in its smallest form (R49, R50)",
    async (condition, application) => {
      const big = await provider.lifecycle?.certify(one.bytes, {
        signWith: (keys[1] as (typeof keys)[number]).key,
        userId: `xmpp:${juliet}`,
        now: new Date("2026-11-10T00:00:00Z"),
      })
      let refusals = 0
      const { service, directory } = setUp({
        before({ action, node }) {
          if (action !== "publish" || node === publicKeysNode || refusals++ > 0) return
          throw stanzaError(condition, "modify", application)
        },
      })
      await directory.publish({ ...one, bytes: big?.bytes ?? new Uint8Array() })
      const [item] = service.node(juliet, publicKeyNode(one.fingerprint))?.items ?? []
      expect(item && pubkey.read(item.payload)).toEqual(one.bytes)
      expect(listOf(service)).toEqual([one.fingerprint])
      expect(refusals).toBe(2)
    },
  )

  test("a data node that is taken and not given back is never listed (R28)", async () => {
    const { service, directory } = setUp({
      before({ action, node }) {
        if (action === "items" && node !== publicKeysNode) throw stanzaError("item-not-found")
      },
    })
    await expect(directory.publish(one)).rejects.toMatchObject({ details: { condition: "item-not-found" } })
    expect(listNode(service)).toBeUndefined()
  })

  test("node, item id and list have the forms of the XEP (R21, R22, R24, R25, R27, R30)", async () => {
    const { service, directory } = setUp()
    await directory.publish(one)
    const data = service.node(juliet, publicKeyNode(one.fingerprint))
    expect(publicKeyNode(one.fingerprint)).toMatch(/^urn:xmpp:openpgp:0:public-keys:[0-9A-F]{40}$/)
    expect(data?.items[0]?.id).toBe("2026-11-23T12:00:00Z")
    const payload = data?.items[0]?.payload ?? element("none", "")
    expect(payload).toMatchObject({ name: "pubkey", namespace: namespaces.openpgp })
    const [base64] = payload.children
    expect(typeof base64 === "object" && textOf(base64)).toMatch(/^[A-Za-z0-9+/]+={0,2}$/)
    const [entry] = listNode(service)?.items[0]?.payload.children ?? []
    expect(entry).toMatchObject({
      name: "pubkey-metadata",
      attributes: { "v4-fingerprint": one.fingerprint, date: "2026-11-23T12:00:00Z" },
    })
  })

  test("anybody may read both nodes, and they stay (R23, R29)", async () => {
    const { service, directory } = setUp()
    await directory.publish(one)
    for (const node of [publicKeysNode, publicKeyNode(one.fingerprint)]) {
      expect(service.node(juliet, node)?.config).toMatchObject({
        "pubsub#access_model": "open",
        "pubsub#persist_items": "true",
      })
    }
  })

  test("nodes of an older client are configured after precondition-not-met (R23)", async () => {
    const { service, directory } = setUp()
    service.put(juliet, publicKeysNode, [], { "pubsub#access_model": "presence" })
    service.put(juliet, publicKeyNode(one.fingerprint), [], { "pubsub#access_model": "whitelist" })
    await directory.publish(one)
    expect(listNode(service)?.config["pubsub#access_model"]).toBe("open")
    expect(service.node(juliet, publicKeyNode(one.fingerprint))?.config["pubsub#access_model"]).toBe("open")
    expect(listOf(service)).toEqual([one.fingerprint])
  })

  test("a key that is listed already gets its closed nodes opened (R23)", async () => {
    const { service, directory } = setUp()
    await directory.publish(one)
    for (const node of [publicKeysNode, publicKeyNode(one.fingerprint)]) {
      const stored = service.node(juliet, node)
      if (stored) stored.config["pubsub#access_model"] = "presence"
    }
    await directory.publish(one)
    const config = (node: string) => service.node(juliet, node)?.config["pubsub#access_model"]
    expect([config(publicKeysNode), config(publicKeyNode(one.fingerprint))]).toEqual(["open", "open"])
  })

  test("another conflict is not taken for precondition-not-met", async () => {
    const { service, directory } = setUp({
      before({ action }) {
        if (action === "publish") throw stanzaError("conflict")
      },
    })
    await expect(directory.publish(one)).rejects.toMatchObject({ details: { condition: "conflict" } })
    expect(service.asked.some(({ action }) => action === "configure")).toBe(false)
  })

  test("on a server without publish-options the nodes are opened afterwards (R23)", async () => {
    const { service, directory } = setUp({ publishOptions: false })
    await directory.publish(one)
    expect(listNode(service)?.config["pubsub#access_model"]).toBe("open")
  })

  test("the nodes notify without payload and not at each login (R34, R46)", async () => {
    const { service, directory } = setUp()
    await directory.publish(one)
    expect(listNode(service)?.config).toMatchObject({
      "pubsub#deliver_payloads": "false",
      "pubsub#send_last_published_item": "on_sub",
    })
  })

  test("a server that refuses those settings gets the key all the same (R34, R46)", async () => {
    const { service, directory } = setUp({
      publishOptions: false,
      refusedFields: ["pubsub#deliver_payloads", "pubsub#send_last_published_item"],
    })
    await directory.publish(one)
    expect(listNode(service)?.config).toMatchObject({
      "pubsub#access_model": "open",
      "pubsub#deliver_payloads": "true",
    })
    expect(listOf(service)).toEqual([one.fingerprint])
  })

  test("payloads in notifications can be kept by option (R34)", async () => {
    const service = pepService()
    const transport = service.transport(juliet)
    await pepDirectory({ transport, provider, clock: standingClock(), notificationOnly: false }).publish(one)
    expect(listNode(service)?.config["pubsub#deliver_payloads"]).toBe("true")
  })

  test("what is published and listed is not written again (A33)", async () => {
    const { service, clock, directory } = setUp()
    await directory.publish(one)
    const before = service.asked.filter(({ action }) => action === "publish").length
    clock.set("2026-11-24T00:00:00Z")
    await directory.publish(one)
    expect(service.asked.filter(({ action }) => action === "publish")).toHaveLength(before)
  })

  test("a changed certificate gets a new item and a new date (R30)", async () => {
    const { service, clock, directory } = setUp()
    await directory.publish(one)
    clock.set("2026-11-24T08:00:00Z")
    const key = keys[0]?.key
    if (key === undefined) throw new Error("no key")
    const renewed = await provider.lifecycle?.renew(key, { now: clock.now(), expiresInMs: 86_400_000 * 365 })
    const info = await provider.inspect(renewed?.certificate.bytes ?? new Uint8Array(), { now: clock.now() })
    await directory.publish(info)
    expect(service.node(juliet, publicKeyNode(one.fingerprint))?.items.at(-1)?.id).toBe("2026-11-24T08:00:00Z")
    const list = publicKeysList.read(listNode(service)?.items.at(-1)?.payload ?? element("none", ""))
    expect(list).toMatchObject([{ fingerprint: one.fingerprint, date: parseDateTime("2026-11-24T08:00:00Z") }])
  })

  test("a certificate under a lower-case node only is published under the upper-case one (R24)", async () => {
    const { service, directory } = setUp()
    const lower = `${publicKeysNode}:${one.fingerprint.toLowerCase()}`
    service.put(juliet, lower, [{ id: "current", payload: pubkey.write(one.bytes) }])
    await directory.publish(one)
    expect(service.node(juliet, publicKeyNode(one.fingerprint))?.items).toHaveLength(1)
  })

  test("a key without this account's valid User ID is refused (R17, R53)", async () => {
    const { service, directory } = setUp()
    const other = await makeKey(provider, romeo)
    const rejected = await directory.publish(other.small).catch((error: unknown) => error)
    expect(isAurochsError(rejected, "BAD_DATA")).toBe(true)
    expect(service.asked).toEqual([])
  })
})

describe("the list of several clients", () => {
  test("foreign entries are written back as they were, whatever they carry (A33)", async () => {
    const { service, directory } = setUp()
    const foreign = element("pubkey-metadata", namespaces.openpgp, {
      "v4-fingerprint": two.fingerprint,
      date: "2019-01-01T00:00:00.125Z",
      "another-attribute": "kept",
    })
    service.put(juliet, publicKeysNode, [
      { id: "old", payload: element("public-keys-list", namespaces.openpgp, {}, [foreign]) },
    ])
    await directory.publish(one)
    expect(listNode(service)?.items.at(-1)?.payload.children).toContainEqual(foreign)
    expect(listOf(service).toSorted()).toEqual([one.fingerprint, two.fingerprint].toSorted())
  })

  test("a lower-case entry and its double become one (R24, R31)", async () => {
    const { service, directory } = setUp()
    const entry = (print: string) =>
      element("pubkey-metadata", namespaces.openpgp, { "v4-fingerprint": print, date: "2019-01-01T00:00:00Z" })
    const doubled = [two.fingerprint.toLowerCase(), two.fingerprint, one.fingerprint.toLowerCase()].map(entry)
    service.put(juliet, publicKeysNode, [
      { id: "old", payload: element("public-keys-list", namespaces.openpgp, {}, doubled) },
    ])
    await directory.publish(one)
    const raw = listNode(service)?.items.at(-1)?.payload.children ?? []
    const prints = raw.map((child) => typeof child === "object" && child.attributes["v4-fingerprint"])
    expect(prints.toSorted()).toEqual([one.fingerprint, two.fingerprint].toSorted())
  })

  test("two clients announce at the same time: both keys stay (A33)", async () => {
    const { service, directory } = setUp()
    const clock = standingClock()
    const other = pepDirectory({ transport: service.transport(juliet), provider, clock })
    await Promise.all([directory.publish(one), other.publish(two)])
    expect(listOf(service).toSorted()).toEqual([one.fingerprint, two.fingerprint].toSorted())
  })

  test("a client that overwrites our entry once is merged with (A33)", async () => {
    let overwritten = false
    let service: PepService | undefined
    const set = setUp({
      before({ action, node }) {
        if (overwritten || action !== "items" || node !== publicKeysNode) return
        if (service === undefined || listOf(service).length === 0) return
        overwritten = true
        const payload = publicKeysList.write([{ fingerprint: three.fingerprint, date: new Date(0) }])
        service.put(juliet, publicKeysNode, [{ id: "theirs", payload }])
      },
    })
    service = set.service
    await set.directory.publish(one)
    expect(overwritten).toBe(true)
    expect(listOf(service).toSorted()).toEqual([one.fingerprint, three.fingerprint].toSorted())
  })

  test("a client that always overwrites it ends in an error, with growing pauses (A33)", async () => {
    let service: PepService | undefined
    const set = setUp({
      before({ action, node }) {
        if (action !== "items" || node !== publicKeysNode) return
        const payload = publicKeysList.write([{ fingerprint: three.fingerprint, date: new Date(0) }])
        service?.put(juliet, publicKeysNode, [{ id: "theirs", payload }])
      },
    })
    service = set.service
    await expect(set.directory.publish(one)).rejects.toMatchObject({
      code: "STANZA_ERROR",
      details: { condition: "conflict", type: "wait" },
    })
    expect(service.asked.filter(({ action, node }) => action === "publish" && node === publicKeysNode)).toHaveLength(5)
    expect(set.clock.slept).toEqual([250, 500, 1000])
  })

  test("an unreadable list is not overwritten (A33)", async () => {
    const { service, directory } = setUp()
    const odd = { id: "odd", payload: element("something-else", namespaces.openpgp) }
    service.put(juliet, publicKeysNode, [odd])
    const rejected = await directory.publish(one).catch((error: unknown) => error)
    expect(isAurochsError(rejected, "BAD_DATA")).toBe(true)
    expect(listNode(service)?.items).toEqual([odd])
  })
})

describe("retracting", () => {
  test("the list loses it before its data goes, and other entries stay (R28)", async () => {
    const { service, directory } = setUp()
    await directory.publish(one)
    await directory.publish(two)
    service.asked.length = 0
    await directory.retract(one.fingerprint)
    const seen = service.asked.map(({ action, node }) => `${action} ${node === publicKeysNode ? "list" : "data"}`)
    expect(seen.indexOf("delete data")).toBeGreaterThan(seen.indexOf("publish list"))
    expect(listOf(service)).toEqual([two.fingerprint])
    expect(service.node(juliet, publicKeyNode(one.fingerprint))).toBeUndefined()
  })

  test("the last one takes the list with it: a list is never empty (R30)", async () => {
    const { service, directory } = setUp()
    await directory.publish(one)
    await directory.retract(one.fingerprint)
    expect(listNode(service)).toBeUndefined()
  })
})
