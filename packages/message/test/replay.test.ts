import { createHash } from "node:crypto"
import { bareJid, fingerprint } from "@aurochs/core"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { replayKeyOf } from "../src/replay.ts"
import {
  bodyXml,
  contentText,
  forge,
  knownKey,
  now,
  openpgpOf,
  type Person,
  person,
  reencrypted,
  stanzaOf,
} from "./support/forge.ts"
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

  it("A2: is the same when the signed text is encrypted again", async () => {
    const { alice, bob } = people
    const bytes = await forge({ text: contentText(), for: [alice], by: [bob] })
    const again = await reencrypted(bytes, alice)
    expect(again).not.toEqual(bytes)
    const keys = [bytes, again].map(
      async (one) => expectSecure(await receive(people, stanzaOf([openpgpOf(one)]))).replayKey,
    )
    expect(new Set(await Promise.all(keys)).size).toBe(1)
  })

  it("A2: is the same when line ends change under a signature over text, which leaves them open", async () => {
    const { alice, bob } = people
    const payload = `<payload>${bodyXml("one\ntwo")}</payload>`
    const bytes = await forge({ text: contentText({ payload }), for: [alice], by: [bob], signature: "text" })
    const again = await reencrypted(bytes, alice, { text: (text) => text.replaceAll("\r\n", "\n") })
    const [first, second] = await Promise.all(
      [bytes, again].map(async (one) => expectSecure(await receive(people, stanzaOf([openpgpOf(one)])))),
    )
    expect([first?.body, second?.body]).toEqual(["one\ntwo", "one\ntwo"])
    expect(second?.replayKey).toBe(first?.replayKey)
  })

  it("A2: a text that two keys of the sender signed is refused, since one signature can be left out", async () => {
    const { alice, bob } = people
    const second = await person("bob")
    const keysOf = [knownKey(bob, bob), knownKey(second, second)]
    const bytes = await forge({ text: contentText(), for: [alice], by: [bob, second] })
    const stripped = await reencrypted(bytes, alice, { by: second })
    const kinds = [bytes, stripped].map(
      async (one) => (await receive(people, stanzaOf([openpgpOf(one)]), { keysOf }))?.kind,
    )
    // What is left is a good message; it must not be the second time that its words are acted on.
    expect(await Promise.all(kinds)).toEqual(["rejected", "secure"])
  })

  it("A2: is the same for the same text of the same signer, signed again", async () => {
    const keys = new Set<string | undefined>()
    for (const date of [now, new Date(now.getTime() - 60_000)]) {
      const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob], date })
      keys.add(expectSecure(await receive(people, stanzaOf([openpgpOf(bytes)]))).replayKey)
    }
    expect(keys.size).toBe(1)
  })

  it("A2: differs between two messages with the same words", async () => {
    const keys = new Set<string | undefined>()
    const times = ["00", "01"].map((seconds) => ({ time: `<time stamp='2026-11-23T12:00:${seconds}Z'/>` }))
    // Of one second, with a client that pads.
    const padded = { rpad: "<rpad>fedcba9876543210</rpad>" }
    for (const parts of [...times, padded]) {
      const bytes = await forge({ text: contentText(parts), for: [people.alice], by: [people.bob] })
      keys.add(expectSecure(await receive(people, stanzaOf([openpgpOf(bytes)]))).replayKey)
    }
    expect(keys.size).toBe(3)
  })

  it("A2: nobody takes a message away by signing its text first", async () => {
    const { alice, bob, carol } = people
    const keyOf = async (signer: Person) => {
      const bytes = await forge({ text: contentText(), for: [alice], by: [signer] })
      const stanza = stanzaOf([openpgpOf(bytes)], { from: `${signer.jid}/phone` })
      return expectSecure(await receive(people, stanza, { keysOf: [knownKey(signer, signer)] })).replayKey
    }
    expect(await keyOf(carol)).not.toBe(await keyOf(bob))
  })

  it("A2: is made of the three fields, each with its length", async () => {
    const field = (bytes: Buffer) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return Buffer.concat([length, bytes])
    }
    const signer = fingerprint("0123456789abcdef0123456789abcdef01234567")
    const framed = [Buffer.from("alice@ox.test"), Buffer.from(signer), Buffer.from("<signcrypt/>")].map(field)
    const expected = createHash("sha256").update(Buffer.concat(framed)).digest("hex")
    for (const text of ["<signcrypt/>", "<sign\r\ncrypt/>\n\r"])
      expect(await replayKeyOf(bareJid("alice@ox.test"), signer, Buffer.from(text))).toBe(expected)
    expect(expected).toMatchInlineSnapshot(`"02801c8457f67fdbd39d4aa41870ce9e7a6d880c3590cd0f320046d2a2a2f164"`)
  })

  it("A2: no two different messages share it, however their fields are cut", async () => {
    const hex = fc.constantFrom("0", "1").map((digit) => fingerprint(digit.repeat(40)))
    const fields = fc.tuple(fc.stringMatching(/^[a-z]{1,6}$/), hex, fc.uint8Array({ maxLength: 4 }))
    const keyOf = ([local, signer, text]: [string, string, Uint8Array]) =>
      replayKeyOf(bareJid(`${local}@ox.test`), signer, text)
    const words = (text: Uint8Array) =>
      Buffer.from(text)
        .toString("latin1")
        .replace(/[\r\n]/g, "")
    await fc.assert(
      fc.asyncProperty(fields, fields, async (a, b) => {
        const same = a[0] === b[0] && a[1] === b[1] && words(a[2]) === words(b[2])
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
