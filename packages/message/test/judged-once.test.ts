import type { KnownKey } from "@aurochs/core"
import type { CertificateInfo, CryptoProvider } from "@aurochs/crypto"
import { blindBeforeVerification, pinned } from "@aurochs/keys"
import { beforeAll, describe, expect, it } from "vitest"
import type { Received } from "../src/index.ts"
import { judgeKnownKeys } from "../src/signers.ts"
import { born, contentText, forge, knownKey, now, openpgpOf, person, stanzaOf } from "./support/forge.ts"
import { expectSecure, provider, receive, rejected, type World, world } from "./support/world.ts"

const DAY_MS = 86_400_000

let people: World
beforeAll(async () => {
  people = await world()
})

/** The engine, and how often it is asked what a certificate says. */
function counting(change: (info: CertificateInfo) => CertificateInfo = (info) => info): {
  asked: number
  provider: CryptoProvider
} {
  const counter = {
    asked: 0,
    provider: {
      ...provider,
      inspect: async (...call: Parameters<CryptoProvider["inspect"]>) => {
        counter.asked++
        return change(await provider.inspect(...call))
      },
    },
  }
  return counter
}

const judge = (keysOf: readonly KnownKey[], by: CryptoProvider, at = now) =>
  judgeKnownKeys({ sender: people.bob.jid, keysOf, provider: by, trust: blindBeforeVerification(), now: at })

describe("what a certificate says is asked once, for as long as it holds", () => {
  it("the same array at the same engine is not read again; what is remembered cannot be changed", async () => {
    const engine = counting()
    const keysOf = [knownKey(people.bob, people.bob)]
    const first = await judge(keysOf, engine.provider)
    expect(await judge(keysOf, engine.provider, new Date(now.getTime() + DAY_MS))).toEqual(first)
    expect(engine.asked).toBe(1)
    const { info } = first.senders[0] ?? {}
    for (const part of [info, info?.userIds, info?.userIds[0]]) expect(Object.isFrozen(part)).toBe(true)
    const another = counting()
    await judge(keysOf, another.provider)
    expect(another.asked).toBe(1)
  })

  it("R17, A21: never past an expiry, nor before what was said", async () => {
    const bob = await person("bob", { keyExpirationTime: (20 * DAY_MS) / 1000 })
    const engine = counting()
    const keysOf = [knownKey(people.bob, bob)]
    const uses = async (at: number) => (await judge(keysOf, engine.provider, new Date(at))).senders[0]?.decision.use
    const end = born.getTime() + 20 * DAY_MS
    for (const [at, use] of [
      [end - DAY_MS, "encrypt+verify"],
      [end - 1, "encrypt+verify"],
      [end, "verify-only"],
      [end - 1, "encrypt+verify"],
      [born.getTime() - DAY_MS, "never"],
    ] as const) {
      expect(await uses(at)).toBe(use)
    }
    expect(engine.asked).toBeGreaterThanOrEqual(4)
  })

  it("bytes that are changed in place are another certificate", async () => {
    const bytes = new Uint8Array(people.bob.certificate)
    const keysOf = [{ ...knownKey(people.bob, people.bob), bytes }]
    const engine = counting()
    expect((await judge(keysOf, engine.provider)).senders).toHaveLength(1)
    bytes.set(bytes.map((byte) => byte ^ 0xff))
    expect((await judge(keysOf, engine.provider)).senders).toEqual([])
    expect(engine.asked).toBe(2)
    // As they were when the engine was asked.
    bytes.set(people.bob.certificate)
    expect((await judge(keysOf, engine.provider)).senders).toHaveLength(1)
    expect(engine.asked).toBe(2)
  })

  it("an engine that does not say for how long, or says nonsense, is asked each time", async () => {
    for (const holds of [
      undefined,
      { from: 0, until: 1 },
      { from: Number.NaN, until: Number.NaN },
      { from: now.getTime() + 1, until: Number.POSITIVE_INFINITY },
    ]) {
      const engine = counting((info) => ({ ...info, holds }))
      const keysOf = [knownKey(people.bob, people.bob)]
      for (let i = 1; i <= 3; i++) {
        await judge(keysOf, engine.provider)
        expect(engine.asked).toBe(i)
      }
    }
  })

  it("R17: the policy is asked for each message, and with the keys as they are then", async () => {
    const bytes = await forge({ text: contentText(), for: [people.alice], by: [people.bob] })
    const key = knownKey(people.bob, people.bob)
    const receives = (o: Partial<KnownKey>): Promise<Received | undefined> =>
      receive(people, stanzaOf([openpgpOf(bytes)]), { keysOf: [{ ...key, ...o }], trust: pinned([key.fingerprint]) })
    expectSecure(await receives({}))
    expect(await receives({ approval: "distrusted" })).toMatchObject({ kind: "unverified", reason: "untrusted-key" })
    expect(await receives({ owner: people.carol.jid })).toEqual(rejected("signer"))
    expectSecure(await receives({}))
  })
})
