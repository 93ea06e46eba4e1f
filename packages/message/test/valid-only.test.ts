import { setTimeout as sleep } from "node:timers/promises"
import type { XmlElement } from "@aurochs/core"
import { sop } from "@aurochs/crypto-sop"
import { programOr } from "@aurochs/debian-programs"
import { blindBeforeVerification } from "@aurochs/keys"
import { beforeAll, describe, expect, it } from "vitest"
import { open } from "../src/index.ts"
import { contentText, forge, knownKey, openpgpOf, type Person, person, reencrypted, stanzaOf } from "./support/forge.ts"
import { expectSecure, provider as full, rejected } from "./support/world.ts"

// A real program that is asked for no session keys: it names good signatures, says nothing of others, and its time of a
// signature is that of verifying. It has the machine's clock.
const gosop = await programOr("gosop", "gosop")

describe.skipIf(gosop.missing !== undefined)(`an engine with valid-only verdicts (${gosop.missing ?? "gosop"})`, () => {
  const { path: program, env: all } = gosop.missing === undefined ? gosop : { path: "gosop", env: {} }
  const { PATH: _, ...env } = all as Record<string, string>
  const vague = sop({ program, env, certificates: full, sessionKeys: false })
  let alice: Person
  let bob: Person
  let stranger: Person

  beforeAll(async () => {
    const date = new Date(Date.now() - 86_400_000)
    ;[alice, bob, stranger] = await Promise.all([
      person("alice", { date }),
      person("bob", { date }),
      person("mallory", { date }),
    ])
  })

  async function receive(stanza: XmlElement, provider = vague) {
    const decryptWith = await provider.importSecret(alice.key.write())
    const now = new Date()
    const keysOf = [knownKey(bob, bob)]
    const trust = blindBeforeVerification()
    const delivery = { stanza, via: "live", stampedAt: undefined, kept: () => undefined } as const
    return open(delivery, { account: alice.jid, provider, decryptWith, keysOf, trust, now })
  }

  function sealed(by: readonly Person[]): Promise<Uint8Array> {
    const date = new Date(Date.now() - 60_000)
    const time = `<time stamp='${date.toISOString().slice(0, 19)}Z'/>`
    return forge({ text: contentText({ time }), for: [alice], by, date })
  }

  it("A2: one signed text in two stanzas, and encrypted again, has one key against replay", async () => {
    const bytes = await sealed([bob])
    const replayKeyIn = async (message: Uint8Array, id: string, provider = vague) =>
      expectSecure(await receive(stanzaOf([openpgpOf(message)], { id }), provider)).replayKey
    const first = await replayKeyIn(bytes, "one")
    // Its times are whole seconds.
    await sleep(1_100)
    expect(await replayKeyIn(bytes, "two")).toBe(first)
    expect(await replayKeyIn(await reencrypted(bytes, alice), "three")).toBe(first)
    // Nor does it come back with another engine.
    expect(await replayKeyIn(bytes, "four", full)).toBe(first)
    expect(await replayKeyIn(await sealed([bob]), "five")).not.toBe(first)
  })

  it("a second signature by somebody unknown is not seen; with full verdicts it is refused (A26)", async () => {
    const stanza = stanzaOf([openpgpOf(await sealed([bob, stranger]))])
    expectSecure(await receive(stanza))
    expect(await receive(stanza, full)).toEqual(rejected("signature"))
    expect(await receive(stanzaOf([openpgpOf(await sealed([stranger]))]))).toEqual(rejected("signature"))
  })
})
