import { cryptoRandom, element, type XmlElement } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { namespaces } from "@aurochs/xml"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { openpgpBytesOf, seal } from "../src/index.ts"
import { contentText, forge, now, openpgpOf, stanzaOf } from "./support/forge.ts"
import { expectSecure, provider, receive, type World, world } from "./support/world.ts"

let people: World
let signWith: SecretKey
beforeAll(async () => {
  people = await world()
  signWith = (await provider.importSecret(people.bob.key.write()))[0] as SecretKey
})

async function sealed(payload: readonly XmlElement[]): Promise<XmlElement> {
  const { alice, bob } = people
  const toKeys = [{ fingerprint: alice.key.getFingerprint().toUpperCase(), bytes: alice.certificate }]
  return seal(payload, { from: bob.jid, to: alice.jid, toKeys, signWith, provider, now, random: cryptoRandom() })
}

/** What XML can carry; adjacent texts are one when read again, so there is at most one between elements. */
const text = fc.string({ unit: "grapheme", minLength: 1 }).filter((t) => !/[\uFFFE\uFFFF]|[^\P{Cc}\t\n\r]/u.test(t))
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,7}$/)
const namespace = fc.constantFrom(
  "urn:example:a",
  "urn:example:b",
  namespaces.chatStates,
  "http://www.w3.org/1999/xhtml",
)
const attributes = fc.dictionary(
  name.filter((n) => !n.startsWith("xml")),
  text,
  { maxKeys: 3 },
)

const { tree } = fc.letrec<{ tree: XmlElement; children: (XmlElement | string)[] }>((tie) => ({
  tree: fc
    .tuple(name, namespace, attributes, tie("children"))
    .map(([n, ns, attrs, children]) => element(n, ns, attrs, children)),
  children: fc.oneof(
    { depthSize: "small" },
    fc.constant<(XmlElement | string)[]>([]),
    text.map((t): (XmlElement | string)[] => [t]),
    fc.array(tie("tree"), { maxLength: 3 }).map((all): (XmlElement | string)[] => all),
    fc.tuple(text, tie("tree")).map(([t, e]): (XmlElement | string)[] => [t, e]),
  ),
}))

describe("properties", () => {
  it("I5: any payload that is sealed comes out as it went in", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(tree, { maxLength: 4 }), async (payload) => {
        expect(expectSecure(await receive(people, await sealed(payload))).payload).toEqual(payload)
      }),
      { numRuns: 60 },
    )
  })

  it("any text is said as it was written", async () => {
    await fc.assert(
      fc.asyncProperty(text, async (said) => {
        const received = await receive(people, await sealed([element("body", namespaces.client, {}, [said])]))
        expect(expectSecure(received).body).toBe(said)
      }),
      { numRuns: 60 },
    )
  })

  it("R15, A15: with any byte of the OpenPGP message altered nothing else is ever said", async () => {
    const stanza = await sealed([element("body", namespaces.client, {}, ["pay 10"])])
    const bytes = openpgpBytesOf(stanza) ?? new Uint8Array()
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const altered = bytes.slice()
        altered[at] = (altered[at] ?? 0) ^ bits
        const received = await receive(people, stanzaOf([openpgpOf(altered)]))
        if (received?.kind === "secure") expect(received.body).toBe("pay 10")
        else expect(received?.kind).toBe("rejected")
      }),
      { numRuns: 300 },
    )
  })

  it("R1, A17: no stanza, no Base64 and no signed text whatever makes it throw", async () => {
    const sameAccount = fc.constantFrom("bob@ox.test", "alice@ox.test", "@", "ox.test")
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.base64String()), sameAccount, async (base64, from) => {
        const received = await receive(people, stanzaOf([openpgpOf(base64)], { from }))
        expect(["undefined", "rejected"]).toContain(received?.kind ?? "undefined")
      }),
    )
    const good = contentText()
    const cut = fc.tuple(fc.nat(good.length), fc.nat(20), fc.string({ maxLength: 5 }))
    await fc.assert(
      fc.asyncProperty(cut, async ([at, length, inserted]) => {
        const changed = good.slice(0, at) + inserted + good.slice(at + length)
        const bytes = await forge({ text: changed, for: [people.alice], by: [people.bob] })
        expect(["secure", "rejected"]).toContain((await receive(people, stanzaOf([openpgpOf(bytes)])))?.kind)
      }),
      { numRuns: 100 },
    )
  })
})
