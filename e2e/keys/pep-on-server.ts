import { describeKeyDirectory } from "@aurochs/conformance"
import { type BareJid, bareJid, element, type Transport } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { type PepDirectory, pepDirectory } from "@aurochs/keys"
import { iq, namespaces, pubkey, publicKeyNode, publicKeysList, publicKeysNode, pubsub } from "@aurochs/xml"
import { xmpp } from "@aurochs/xmpp"
import { afterAll, describe, expect, test } from "vitest"
import { collect, makeKey } from "./people.ts"

/** Accounts that {@link pepOnServer} needs; the password of each is `pw-USER`. */
export const PEP_USERS: readonly string[] = ["juliet", "romeo", "mercutio", "nurse", "paris"]

const provider = openpgpjs()
const owner = bareJid("juliet@ox.test")
const keys = [await makeKey(provider, owner), await makeKey(provider, owner)]
const certificates = keys.map((key) => key.small)

/** What the tests of one server share. */
export interface OnServer {
  /** Juliet's connection, and her directory with nothing in it. */
  juliet(): Transport
  emptyDirectory(): Promise<PepDirectory>
  /** A certificate of hers. */
  readonly certificate: CertificateInfo
}

/**
 * PEP on a real server: the conformance suite, and what no suite in memory can show. Connections are made when they are
 * first used.
 *
 * @param service address of the server, which serves `ox.test`; asked for within tests only
 */
export function pepOnServer(name: string, service: () => string): OnServer {
  const open = new Map<string, { transport: Transport; running: Promise<unknown> }>()
  const stop = new AbortController()

  /** Connects, and stays connected. */
  const connect = (user: string, resource = ""): Transport => {
    const known = open.get(user + resource)
    if (known !== undefined) return known.transport
    const jid = `${user}@ox.test${resource}`
    const transport = xmpp({ jid, password: `pw-${user}`, service: service(), subscriptions: "accept" })
    const stay = async () => {
      for await (const _ of transport.sessions({ signal: stop.signal }));
    }
    open.set(user + resource, { transport, running: Promise.allSettled([stay()]) })
    return transport
  }
  const directoryOf = (user: string, resource?: string) =>
    pepDirectory({ transport: connect(user, resource), provider })
  const emptyDirectory = async () => {
    const directory = directoryOf("juliet")
    for (const { fingerprint } of certificates) await directory.retract(fingerprint)
    return directory
  }

  afterAll(async () => {
    stop.abort()
    for (const { transport, running } of open.values()) {
      await running
      await transport[Symbol.asyncDispose]()
    }
  })

  describeKeyDirectory(`pep on ${name}`, async () => ({
    directory: await emptyDirectory(),
    owner,
    certificates,
    [Symbol.asyncDispose]: async () => {},
  }))

  describe(name, () => {
    const [first, second] = certificates
    if (first === undefined || second === undefined) throw new Error("no keys")
    const found = async (directory: PepDirectory, of: BareJid = owner) =>
      (await collect(directory.lookup({ owner: of }))).map((one) => ("bytes" in one ? one.bytes : one.because))

    test("a stranger without a subscription finds what was announced (R23, R29)", async () => {
      await (await emptyDirectory()).publish(first)
      const items = await collect(directoryOf("romeo").lookup({ owner }))
      expect(items).toMatchObject([{ bytes: first.bytes, source: "pep", binds: "account" }])
    })

    test("nodes that an older client left at `presence` look like nothing, and are opened (R23)", async () => {
      const directory = await emptyDirectory()
      const list = publicKeysList.write([{ fingerprint: first.fingerprint, date: new Date(0) }])
      const left = pubsub.publish({ node: publicKeysNode, itemId: "old", payload: list })
      await connect("juliet").request(iq({ type: "set" }, left))
      expect(await found(directoryOf("romeo"))).toEqual([])
      await directory.publish(first)
      expect(await found(directoryOf("romeo"))).toHaveLength(1)
    })

    test("an account that does not exist, and one without keys, have nothing", async () => {
      for (const jid of ["nobody@ox.test", "paris@ox.test"]) {
        expect(await found(directoryOf("romeo"), bareJid(jid))).toEqual([])
      }
    })

    test("two clients of one account that announce at the same time: both keys stay (A33)", async () => {
      await emptyDirectory()
      const [desktop, phone] = [directoryOf("juliet"), directoryOf("juliet", "/phone")]
      await Promise.all([desktop.publish(first), phone.publish(second)])
      const bytes = (await found(directoryOf("romeo"))).map(String).toSorted()
      expect(bytes).toEqual([first.bytes, second.bytes].map(String).toSorted())
    })

    test("a data node under the lower-case fingerprint is found, and goes when the key is retracted (R24)", async () => {
      const directory = await emptyDirectory()
      const lower = `${publicKeysNode}:${first.fingerprint.toLowerCase()}`
      await directory.publish(first)
      const data = pubsub.publish({ node: lower, itemId: "current", payload: pubkey.write(first.bytes) })
      await connect("juliet").request(iq({ type: "set" }, data))
      await connect("juliet").request(iq({ type: "set" }, pubsub.deleteNode(publicKeyNode(first.fingerprint))))
      expect(await found(directory)).toEqual([first.bytes])
      await directory.retract(first.fingerprint)
      await expect(
        connect("juliet").request(iq({ type: "get" }, pubsub.items({ node: lower, maxItems: 1 }))),
      ).rejects.toMatchObject({ details: { condition: "item-not-found" } })
    })

    test("a key whose data is gone is a gap with its name (I8)", async () => {
      const directory = await emptyDirectory()
      await directory.publish(first)
      await connect("juliet").request(iq({ type: "set" }, pubsub.deleteNode(publicKeyNode(first.fingerprint))))
      expect(await collect(directoryOf("romeo").lookup({ owner }))).toMatchObject([
        // Prosody says the same to a stranger as for a node that is closed.
        { missing: first.fingerprint, because: expect.stringMatching(/^(not-found|forbidden)$/) },
      ])
    })

    test("whoever subscribed to the list hears of a change and of its end, without presence (R35)", async () => {
      const directory = await emptyDirectory()
      await directory.publish(first)
      const mercutio = directoryOf("mercutio")
      const heard = listen(mercutio)
      expect(await mercutio.subscribe(owner)).toBe("subscribed")
      await directory.publish(second)
      expect(await heard.next()).toBe(owner)
      await mercutio.unsubscribe(owner)
      await mercutio.unsubscribe(owner)
      heard.stop()
      expect(await mercutio.subscribe(bareJid("paris@ox.test"))).toBe("nothing-visible")
    })

    test("a contact hears of it by +notify alone, with payload or without (R35)", async () => {
      const directory = await emptyDirectory()
      const [juliet, nurse] = [connect("juliet"), connect("nurse")]
      const nurses = directoryOf("nurse")
      const heard = listen(nurses)
      await nurse.send(element("presence", namespaces.client, { to: owner, type: "subscribe" }))
      // The server has to learn first what the nurse's client wants to hear.
      for (let round = 0; round < 40 && !heard.any(); round++) {
        if (round % 2 === 0) await directory.publish(first)
        else await directory.retract(first.fingerprint)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      expect(await heard.next()).toBe(owner)
      await directory.publish(first)
      const node = publicKeysNode
      await juliet.request(
        iq({ type: "set" }, pubsub.configure({ node, fields: { "pubsub#deliver_payloads": "true" } })),
      )
      await heard.settled()
      const list = publicKeysList.write([{ fingerprint: second.fingerprint, date: new Date(0) }])
      await juliet.request(iq({ type: "set" }, pubsub.publish({ node, itemId: "2026-11-23T00:00:00Z", payload: list })))
      expect(await heard.next()).toBe(owner)
      heard.stop()
      await directory.retract(second.fingerprint)
    })

    test("a certificate that is too large for the server ends in an error, and is not listed (R50)", async () => {
      const directory = await emptyDirectory()
      const huge = await provider.inspect(first.bytes)
      const bytes = new Uint8Array(300_000).fill(0xc6)
      await expect(directory.publish({ ...huge, bytes })).rejects.toMatchObject({ code: "BAD_DATA" })
      expect(await found(directoryOf("romeo"))).toEqual([])
    })
  })

  const [certificate] = certificates
  if (certificate === undefined) throw new Error("no key")
  return { juliet: () => connect("juliet"), emptyDirectory, certificate }
}

/** Collects the changes that a directory tells. */
function listen(directory: PepDirectory) {
  const leaving = new AbortController()
  const told: BareJid[] = []
  let wake = () => {}
  const running = (async () => {
    for await (const one of directory.changes({ signal: leaving.signal })) {
      told.push(one)
      wake()
    }
  })().catch(() => {})
  return {
    /** The next one that is told; what was told before counts. */
    async next(): Promise<BareJid> {
      const late = AbortSignal.timeout(10_000)
      late.addEventListener("abort", () => wake(), { once: true })
      for (;;) {
        const one = told.shift()
        if (one !== undefined) return one
        if (late.aborted) throw new Error("no change was told")
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    any: () => told.length > 0,
    /** Forgets what was told, once nothing more comes. */
    async settled(): Promise<void> {
      do {
        told.length = 0
        await new Promise((resolve) => setTimeout(resolve, 200))
      } while (told.length > 0)
    },
    stop() {
      leaving.abort()
      void running
    },
  }
}
