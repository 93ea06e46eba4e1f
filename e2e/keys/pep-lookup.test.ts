import { AurochsError, element, type Fingerprint, isAurochsError } from "@aurochs/core"
import { type Found, type Missing, pepDirectory } from "@aurochs/keys"
import { encodeBase64, namespaces, pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { collect, juliet, julietKeys, putKeys, romeo, standingClock } from "./people.ts"
import { type Asked, type PepBehaviour, pepService, stanzaError } from "./pep-service.ts"

const { provider, keys } = await julietKeys(3)
const [one, two, three] = keys.map((key) => key.small) as [Cert, Cert, Cert]
type Cert = (typeof keys)[number]["small"]

/** Romeo looks at Juliet's keys. */
function setUp(behaviour: PepBehaviour = {}, maxKeys?: number) {
  const service = pepService(behaviour)
  const transport = service.transport(romeo)
  const directory = pepDirectory({ transport, provider, clock: standingClock(), maxKeys })
  const lookup = (fingerprint?: Fingerprint) => collect(directory.lookup({ owner: juliet, fingerprint }))
  return { service, directory, lookup }
}

/** Fingerprints of what was found, and the gaps with their reasons. */
async function named(items: readonly (Found | Missing)[]): Promise<string[]> {
  const print = async (one: Found) => (await provider.inspect(one.bytes)).fingerprint
  return Promise.all(items.map((one) => ("bytes" in one ? print(one) : `${one.missing} ${one.because}`)))
}

/** What another client may put there, whatever it is. */
const dataOf = (text: string) =>
  element("pubkey", namespaces.openpgp, {}, [element("data", namespaces.openpgp, {}, [text])])
const rawKey = (bytes: Uint8Array) => dataOf(encodeBase64(bytes))
const onData = (asked: Asked) => asked.action === "items" && asked.node !== publicKeysNode

describe("what is found", () => {
  test("all listed keys, in the order of the list, bound to the account (I7, R52)", async () => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [one, two, three])
    const items = await lookup()
    expect(await named(items)).toEqual([one.fingerprint, two.fingerprint, three.fingerprint])
    expect(items[0]).toMatchObject({ source: "pep", binds: "account" })
  })

  test("a data node without a place in the list is nobody's key", async () => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [one, two])
    const date = new Date(0)
    service.put(juliet, publicKeysNode, [
      { id: "2026-11-22T00:00:00Z", payload: publicKeysList.write([{ fingerprint: one.fingerprint, date }]) },
    ])
    expect(await named(await lookup())).toEqual([one.fingerprint])
    expect(await lookup(two.fingerprint)).toEqual([])
  })

  test("a lookup by fingerprint asks for that data node only (R18)", async () => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [one, two, three])
    expect(await named(await lookup(two.fingerprint))).toEqual([two.fingerprint])
    expect(service.asked.filter(onData).map(({ node }) => node)).toEqual([publicKeyNode(two.fingerprint)])
  })

  test("one item is asked for (R32)", async () => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [one])
    await lookup()
    expect(service.asked.map(({ maxItems }) => maxItems)).toEqual(["1", "1"])
  })

  test.each(["old-first", "new-first"] as const)(
    "of several items the newest counts, list and data, %s (R32)",
    async (order) => {
      const { service, lookup } = setUp({ manyItems: true, order })
      putKeys(service, juliet, [one, two])
      const date = new Date(0)
      const list = (prints: readonly Fingerprint[]) =>
        publicKeysList.write(prints.map((fingerprint) => ({ fingerprint, date })))
      service.put(juliet, publicKeysNode, [
        { id: "2024-01-01T00:00:00Z", payload: list([three.fingerprint]) },
        { id: "2025-01-01T00:00:00+00:00", payload: list([one.fingerprint, two.fingerprint]) },
        { id: "2026-01-01T00:00:00Z", payload: list([two.fingerprint]) },
      ])
      service.put(juliet, publicKeyNode(two.fingerprint), [
        { id: "2024-01-01T00:00:00Z", payload: pubkey.write(one.bytes) },
        { id: "2026-01-01T00:00:00Z", payload: pubkey.write(two.bytes) },
      ])
      expect(await named(await lookup())).toEqual([two.fingerprint])
    },
  )

  test("where ids are no times, the last one counts: Prosody sends the oldest first (R32)", async () => {
    const { service, lookup } = setUp({ manyItems: true, order: "old-first" })
    putKeys(service, juliet, [one])
    service.put(juliet, publicKeyNode(one.fingerprint), [
      { id: "9f2c", payload: pubkey.write(two.bytes) },
      { id: "current", payload: pubkey.write(one.bytes) },
    ])
    expect(await named(await lookup())).toEqual([one.fingerprint])
  })

  test("a data node under the lower-case fingerprint is found (R24)", async () => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [], { listedOnly: [one.fingerprint] })
    const lower = `${publicKeysNode}:${one.fingerprint.toLowerCase()}`
    service.put(juliet, lower, [{ id: "current", payload: pubkey.write(one.bytes) }])
    expect(await named(await lookup())).toEqual([one.fingerprint])
  })

  test("one's own keys are asked for without an address", async () => {
    const service = pepService()
    putKeys(service, juliet, [one], { config: { "pubsub#access_model": "whitelist" } })
    const directory = pepDirectory({ transport: service.transport(juliet), provider, clock: standingClock() })
    expect(await named(await collect(directory.lookup({ owner: juliet })))).toEqual([one.fingerprint])
  })
})

describe("gaps", () => {
  test("a key that is listed and not there is named (I8)", async () => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [one], { listedOnly: [two.fingerprint] })
    expect(await named(await lookup())).toEqual([one.fingerprint, `${two.fingerprint} not-found`])
  })

  test("a data node with another key in it is named: the list decides what belongs to whom (A5, R24)", async () => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [one])
    service.put(juliet, publicKeyNode(one.fingerprint), [{ id: "x", payload: pubkey.write(two.bytes) }])
    expect(await named(await lookup())).toEqual([`${one.fingerprint} other-fingerprint`])
  })

  test.each([
    ["no certificate", rawKey(new Uint8Array([1, 2, 3])), "unreadable"],
    ["another element", element("pubkey", "urn:example"), "unreadable"],
    ["no Base64", dataOf("?"), "unreadable"],
    ["100 kB (A19)", rawKey(new Uint8Array([0xc6, 0xff, 0, 1, 0x86, 0xa0, ...new Uint8Array(100_000)])), "too-large"],
  ])("a data node with %s in it is named", async (_, payload, because) => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [one, two])
    service.put(juliet, publicKeyNode(one.fingerprint), [{ id: "x", payload }])
    expect(await named(await lookup())).toEqual([`${one.fingerprint} ${because}`, two.fingerprint])
  })

  test("a data node that strangers may not read is named", async () => {
    const { service, lookup } = setUp()
    putKeys(service, juliet, [one, two])
    const closed = { "pubsub#access_model": "presence" }
    service.put(juliet, publicKeyNode(one.fingerprint), [{ id: "x", payload: pubkey.write(one.bytes) }], closed)
    expect(await named(await lookup())).toEqual([`${one.fingerprint} forbidden`, two.fingerprint])
  })

  test("a data node that gives no answer is named, the others come", async () => {
    const { service, lookup } = setUp({
      before(asked) {
        if (asked.node !== publicKeyNode(two.fingerprint)) return
        throw new AurochsError("NETWORK", "no answer", { phase: "timeout" })
      },
    })
    putKeys(service, juliet, [one, two, three])
    expect(await named(await lookup())).toEqual([one.fingerprint, `${two.fingerprint} timeout`, three.fingerprint])
  })

  test("a connection that breaks ends the lookup: nothing complete was learnt", async () => {
    const { service, lookup } = setUp({
      before(asked) {
        if (onData(asked)) throw new AurochsError("NETWORK", "gone", { phase: "closed" })
      },
    })
    putKeys(service, juliet, [one, two])
    await expect(lookup()).rejects.toMatchObject({ code: "NETWORK", details: { phase: "closed" } })
  })

  test("a list with more keys than are fetched names the rest (A19)", async () => {
    const { service, lookup } = setUp({}, 2)
    putKeys(service, juliet, [one, two, three])
    expect(await named(await lookup())).toEqual([
      one.fingerprint,
      two.fingerprint,
      `${three.fingerprint} too-many-listed`,
    ])
    expect(service.asked.filter(onData)).toHaveLength(2)
  })

  test("32 keys are fetched by default, however long the list is (A19)", async () => {
    const { service, lookup } = setUp()
    const listedOnly = Array.from({ length: 500 }, (_, i) => i.toString(16).toUpperCase().padStart(40, "0"))
    putKeys(service, juliet, [], { listedOnly })
    const items = await named(await lookup())
    expect(items.filter((one) => one.endsWith("not-found"))).toHaveLength(32)
    expect(items.filter((one) => one.endsWith("too-many-listed"))).toHaveLength(468)
  })
})

describe("nothing, or no answer", () => {
  test.each([
    ["item-not-found", "cancel", undefined],
    ["forbidden", "auth", undefined],
    ["not-authorized", "auth", "presence-subscription-required"],
    ["not-allowed", "cancel", "closed-node"],
  ] as const)("%s: nothing is visible", async (condition, type, application) => {
    const { lookup } = setUp({
      before() {
        throw stanzaError(condition, type, application)
      },
    })
    expect(await lookup()).toEqual([])
  })

  test.each(["service-unavailable", "remote-server-not-found", "remote-server-timeout", "internal-server-error"])(
    "%s is an error with its condition (R33)",
    async (condition) => {
      const { lookup } = setUp({
        before() {
          throw stanzaError(condition)
        },
      })
      await expect(lookup()).rejects.toMatchObject({ code: "STANZA_ERROR", details: { condition } })
    },
  )

  test("a list that gives no answer is an error", async () => {
    const { lookup } = setUp({
      before() {
        throw new AurochsError("NETWORK", "no answer", { phase: "timeout" })
      },
    })
    await expect(lookup()).rejects.toMatchObject({ code: "NETWORK", details: { phase: "timeout" } })
  })

  test.each([
    ["another element", element("html", "urn:example")],
    ["the list in another namespace", element("public-keys-list", "urn:example")],
  ])("%s instead of a list is an error: it must not pass for an empty one", async (_, payload) => {
    const { service, lookup } = setUp()
    service.put(juliet, publicKeysNode, [{ id: "x", payload }])
    const thrown = await lookup().catch((error: unknown) => error)
    expect(isAurochsError(thrown, "BAD_DATA")).toBe(true)
  })
})

describe("under way", () => {
  test("at most four data nodes are asked for at the same time, and leaving the loop asks for no more", async () => {
    let open = 0
    let most = 0
    const { service, directory } = setUp({
      async before(asked) {
        if (!onData(asked)) return
        most = Math.max(most, ++open)
        await new Promise((resolve) => setTimeout(resolve, 2))
        open--
      },
    })
    const listedOnly = Array.from({ length: 20 }, (_, i) => i.toString(16).toUpperCase().padStart(40, "0"))
    putKeys(service, juliet, [], { listedOnly })
    for await (const _ of directory.lookup({ owner: juliet })) break
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(most).toBe(4)
    expect(service.asked.filter(onData).length).toBeLessThan(16)
  })

  test("an abort in the middle rejects with ABORTED", async () => {
    const stop = new AbortController()
    const { service, directory } = setUp({
      before(asked) {
        if (onData(asked)) stop.abort()
      },
    })
    putKeys(service, juliet, [one, two])
    const thrown = await collect(directory.lookup({ owner: juliet }, { signal: stop.signal })).catch((e: unknown) => e)
    expect(isAurochsError(thrown, "ABORTED")).toBe(true)
  })
})

describe("changes", () => {
  test("a notification without payload and a deletion both name the owner (R35)", async () => {
    const { service, directory } = setUp()
    const leaving = new AbortController()
    const seen: string[] = []
    const listening = (async () => {
      for await (const owner of directory.changes({ signal: leaving.signal })) seen.push(owner)
    })()
    await new Promise((resolve) => setTimeout(resolve, 0))
    const owner = pepDirectory({ transport: service.transport(juliet), provider, clock: standingClock() })
    await owner.publish(one)
    await owner.retract(one.fingerprint)
    await new Promise((resolve) => setTimeout(resolve, 0))
    leaving.abort()
    await listening
    expect(seen).toEqual([juliet, juliet])
  })
})
