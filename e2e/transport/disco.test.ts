import { createHash } from "node:crypto"
import { childElement, element } from "@aurochs/core"
import { discoInfo, iq, namespaces, parseXml, publicKeysNode } from "@aurochs/xml"
import { defaultFeatures } from "@aurochs/xmpp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { eventually } from "../rig/processes.ts"
import { type Prosody, startProsody } from "../rig/prosody.ts"
import { accountOf, online, overTls, type Person } from "./person.ts"

let folder: string
let prosody: Prosody
let bot: Person
let other: Person

beforeAll(async () => {
  folder = await temporaryFolder("transport")
  prosody = await startProsody({ folder, users: ["bot"] })
  other = await online({ ...accountOf("bot/other"), ...(await overTls(prosody)) })
  bot = await online({ ...accountOf("bot/first"), ...(await overTls(prosody)) })
}, 180_000)

afterAll(async () => {
  await bot?.[Symbol.asyncDispose]()
  await other?.[Symbol.asyncDispose]()
  await prosody?.stop()
  await removeFolder(folder)
})

/** The newest capabilities in the bot's presence, as the server handed it to the other client. */
async function announced(): Promise<{ hash: string; node: string; ver: string }> {
  const sent = [...(await prosody.log()).matchAll(/SEND: (<presence .*)/g)]
    .map(([, xml = ""]) => xml)
    .filter((xml) => /\bto='bot@ox\.test\/other'|\bto="bot@ox\.test\/other"/.test(xml))
    .map((xml) => parseXml(xml.replace("<presence ", "<presence xmlns='jabber:client' ")))
    .filter(({ attributes: { from, type } }) => from === "bot@ox.test/first" && type === undefined)
  const caps = childElement(sent.at(-1) ?? element("none", ""), "c", namespaces.caps)
  const { hash = "", node = "", ver = "" } = caps?.attributes ?? {}
  return { hash, node, ver }
}

async function asked(node?: string) {
  const query = element("query", namespaces.discoInfo, { node })
  const answer = await other.transport.request(iq({ type: "get", to: "bot@ox.test/first" }, query))
  return discoInfo.read(childElement(answer, "query", namespaces.discoInfo) ?? query)
}

/** XEP-0115 §5.1, for what has one identity, no form, and names of plain letters. */
function verification({ identities, features }: Awaited<ReturnType<typeof asked>>): string {
  const [identity] = identities
  const text = [`${identity?.category}/${identity?.type}//${identity?.name}`, ...[...features].sort()]
  return createHash("sha1")
    .update(`${text.join("<")}<`)
    .digest("base64")
}

describe("another client sees (I1)", () => {
  const expected = ["urn:xmpp:openpgp:im:0", "urn:xmpp:openpgp:0:public-keys+notify", "urn:xmpp:eme:0"]

  test("in service discovery what OX needs", async () => {
    expect(defaultFeatures).toEqual(expected)
    const { features, identities } = await asked()
    expect(features).toEqual(expect.arrayContaining(expected))
    expect(identities).toMatchObject([{ category: "client", type: "bot" }])
  })

  test("in presence capabilities that stand for the same, and can be asked for by their node", async () => {
    const { hash, node, ver } = await announced()
    expect(hash).toBe("sha-1")
    const info = await asked(`${node}#${ver}`)
    expect(info.features).toEqual(expect.arrayContaining(expected))
    expect(ver).toBe(verification(info))
    expect(verification(await asked())).toBe(ver)
  })

  test("new presence as soon as a feature is added or gone", async () => {
    const before = await announced()
    const feature = bot.transport.feature("urn:example:feature")
    const changed = await eventually("new presence", async () => {
      const now = await announced()
      return now.ver === before.ver ? undefined : now
    })
    const info = await asked(`${changed.node}#${changed.ver}`)
    expect(info.features).toContain("urn:example:feature")
    expect(changed.ver).toBe(verification(info))
    feature[Symbol.dispose]()
    await eventually("the former presence", async () => (await announced()).ver === before.ver || undefined)
  })

  test("nothing under a node that is not ours", async () => {
    const refused = asked(`${publicKeysNode}#nothing`)
    await expect(refused).rejects.toMatchObject({ code: "STANZA_ERROR", details: { condition: "item-not-found" } })
  })
})
