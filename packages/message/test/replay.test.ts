import { createHash } from "node:crypto"
import { bareJid, fingerprint } from "@aurochs/core"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { replayKeyOf } from "../src/replay.ts"
import { contentText, forge, knownKey, openpgpOf, type Person, stanzaOf } from "./support/forge.ts"
import { expectSecure, provider, receive, type World, world } from "./support/world.ts"

let people: World
beforeAll(async () => {
  people = await world()
})

describe("A2: the key against replay", () => {
  it("A2: is the same for the same signed text, in whatever stanza and by whatever way it comes", async () => {
    const { alice, bob } = people
    const bytes = await forge({ text: contentText(), for: [alice], by: [bob] })
    const first = expectSecure(await receive(people, stanzaOf([openpgpOf(bytes)])))
    const again = stanzaOf([openpgpOf(bytes)], { id: "another", from: "bob@ox.test/elsewhere" })
    expect(expectSecure(await receive(people, again, { via: "mam" })).replayKey).toBe(first.replayKey)
    expect(first.replayKey).toMatch(/^[0-9a-f]{64}$/)
  })

  it("A2: differs between two messages with the same words", async () => {
    const keys = new Set<string | undefined>()
    for (const seconds of ["00", "01"]) {
      const stamp = `2026-11-23T12:00:${seconds}Z`
      const parts = { time: `<time stamp='${stamp}'/>` }
      const bytes = await forge({
        text: contentText(parts),
        for: [people.alice],
        by: [people.bob],
        date: new Date(stamp),
      })
      keys.add(expectSecure(await receive(people, stanzaOf([openpgpOf(bytes)]))).replayKey)
    }
    expect(keys.size).toBe(2)
  })

  it("A2: is made of the four fields, each with its length", async () => {
    const field = (bytes: Buffer) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return Buffer.concat([length, bytes])
    }
    const signer = fingerprint("0123456789abcdef0123456789abcdef01234567")
    const text = Buffer.from("<signcrypt/>")
    const framed = [Buffer.from("alice@ox.test"), Buffer.from(signer), Buffer.from("1000"), text].map(field)
    const expected = createHash("sha256").update(Buffer.concat(framed)).digest("hex")
    expect(await replayKeyOf(bareJid("alice@ox.test"), signer, new Date(1000), text)).toBe(expected)
    expect(expected).toMatchInlineSnapshot(`"be2d0267e5ec4633a0772f3d98f0dfdf960c7b81caa0fc1f14ec0392faf47b09"`)
  })

  it("A2: no two different messages share it, however their fields are cut", async () => {
    const signer = fingerprint("0".repeat(40))
    const fields = fc.tuple(fc.stringMatching(/^[a-z]{1,6}$/), fc.nat(999), fc.uint8Array({ maxLength: 4 }))
    const keyOf = ([local, at, text]: [string, number, Uint8Array]) =>
      replayKeyOf(bareJid(`${local}@ox.test`), signer, new Date(at), text)
    await fc.assert(
      fc.asyncProperty(fields, fields, async (a, b) => {
        const same = a[0] === b[0] && a[1] === b[1] && Buffer.from(a[2]).equals(Buffer.from(b[2]))
        expect((await keyOf(a)) === (await keyOf(b))).toBe(same)
      }),
    )
  })

  it("A2: is different for each account that a message was for", async () => {
    const { alice, bob, carol } = people
    const to = "<to jid='alice@ox.test'/><to jid='carol@ox.test'/>"
    const bytes = await forge({ text: contentText({ to }), for: [alice, carol], by: [bob] })
    const keyFor = async (person: Person) => {
      const stanza = stanzaOf([openpgpOf(bytes)], { to: person.jid })
      const keysOf = [knownKey(bob, bob)]
      return expectSecure(await receive(people, stanza, { to: person, keysOf, provider })).replayKey
    }
    expect(await keyFor(alice)).not.toBe(await keyFor(carol))
  })
})
