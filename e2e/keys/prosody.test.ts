import { describeKeyDirectory } from "@aurochs/conformance"
import { bareJid, childElement, type Transport } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { type PepDirectory, pepDirectory } from "@aurochs/keys"
import { iq, publicKeyNode, publicKeysList, publicKeysNode, pubsub } from "@aurochs/xml"
import { xmpp } from "@aurochs/xmpp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { type Prosody, startProsody } from "../rig/prosody.ts"
import { trustServer } from "../rig/trust-server.ts"
import { collect, makeKey } from "./people.ts"

const owner = bareJid("juliet@ox.test")
const provider = openpgpjs()
const keys = [await makeKey(provider, owner), await makeKey(provider, owner)]
const certificates = keys.map((key) => key.small)

let folder: string
let prosody: Prosody
let juliet: Transport
let romeo: Transport
let running: Promise<unknown>
const stop = new AbortController()

/** Connects, and stays connected. */
async function stayOnline(transport: Transport): Promise<void> {
  for await (const _ of transport.sessions({ signal: stop.signal }));
}

beforeAll(async () => {
  folder = await temporaryFolder("keys")
  prosody = await startProsody({ folder, users: ["juliet", "romeo"] })
  trustServer(prosody)
  const connect = (user: string) => xmpp({ jid: `${user}@ox.test`, password: `pw-${user}`, service: prosody.service })
  juliet = connect("juliet")
  romeo = connect("romeo")
  running = Promise.allSettled([stayOnline(juliet), stayOnline(romeo)])
}, 180_000)

afterAll(async () => {
  stop.abort()
  await running
  await juliet?.[Symbol.asyncDispose]()
  await romeo?.[Symbol.asyncDispose]()
  await prosody?.stop()
  await removeFolder(folder)
})

async function emptyDirectory(): Promise<PepDirectory> {
  const directory = pepDirectory({ transport: juliet, provider })
  for (const { fingerprint } of certificates) await directory.retract(fingerprint)
  return directory
}

describeKeyDirectory("pep on Prosody", async () => {
  const directory = await emptyDirectory()
  return { directory, owner, certificates, [Symbol.asyncDispose]: async () => {} }
})

describe("Prosody", () => {
  const [first] = certificates
  if (first === undefined) throw new Error("no key")

  test("a stranger without a subscription finds what was announced (R23, R29)", async () => {
    await (await emptyDirectory()).publish(first)
    const found = await collect(pepDirectory({ transport: romeo, provider }).lookup({ owner }))
    expect(found).toMatchObject([{ bytes: first.bytes, source: "pep", binds: "account" }])
  })

  test("nodes that an older client left at `presence` are opened (R23)", async () => {
    const directory = await emptyDirectory()
    const list = publicKeysList.write([{ fingerprint: first.fingerprint, date: new Date(0) }])
    await juliet.request(iq({ type: "set" }, pubsub.publish({ node: publicKeysNode, itemId: "old", payload: list })))
    const stranger = pepDirectory({ transport: romeo, provider })
    expect(await collect(stranger.lookup({ owner }))).toEqual([])
    await directory.publish(first)
    expect(await collect(stranger.lookup({ owner }))).toHaveLength(1)
  })

  test("an account that does not exist has nothing", async () => {
    const stranger = pepDirectory({ transport: romeo, provider })
    const nobody = bareJid("nobody@ox.test")
    expect(await collect(stranger.lookup({ owner: nobody }))).toEqual([])
  })

  test("the node's configuration is what the XEP asks for (R23, R34)", async () => {
    await (await emptyDirectory()).publish(first)
    for (const node of [publicKeysNode, publicKeyNode(first.fingerprint)]) {
      const answer = await juliet.request(iq({ type: "get" }, pubsub.getConfig(node)))
      const text = JSON.stringify(childElement(answer, "pubsub", "http://jabber.org/protocol/pubsub#owner"))
      expect(text).toMatch(/pubsub#access_model.{1,600}?"value".{1,80}?"open"/)
      expect(text).toMatch(/pubsub#deliver_payloads.{1,200}?"value".{1,80}?"0"/)
    }
  })
})
