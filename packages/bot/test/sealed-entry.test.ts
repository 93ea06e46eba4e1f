import { AurochsError, cryptoRandom } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { textBody } from "@aurochs/message"
import { memoryStorage } from "@aurochs/storage"
import fc from "fast-check"
import { describe, expect, test, vi } from "vitest"
import { createOutboxKey, type OutboxKeyOptions } from "../src/outbox-key.ts"
import { openEntry, sealEntry } from "../src/sealed-entry.ts"
import { testClock } from "./clock.ts"
import { provider } from "./peers.ts"
import { botJid } from "./setup.ts"

const entry = { recipient: "juliet@example.org", key: "k" } as const
const message = { ...entry, payload: [textBody("x")], encryptedOnly: false }

/** As at a start of the bot, over the same storage with the same keys. */
function starting(own: readonly SecretKey[], state = memoryStorage().state, engine: CryptoProvider = provider) {
  const options: OutboxKeyOptions = {
    ...{ account: botJid, provider: engine, state, clock: testClock(), random: cryptoRandom() },
    own: () => ({ current: own.at(-1), all: own }),
  }
  return { account: botJid, outboxKey: createOutboxKey(options) }
}

describe("sealed entries", () => {
  test("what was put in comes out, for any text, and only for its recipient and key", async () => {
    const { key } = await provider.generate({ userId: `xmpp:${botJid}` })
    const at = starting([key])
    const texts = fc.string({ unit: "grapheme", maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(texts, texts, fc.boolean(), async (body, entryKey, encryptedOnly) => {
        const { recipient } = entry
        const payload = [textBody(body)]
        const sealed = await sealEntry({ recipient, key: entryKey, payload, encryptedOnly }, at)
        expect(await openEntry({ recipient, key: entryKey, sealed }, at)).toMatchObject({
          kind: "opened",
          message: { recipient, key: entryKey, encryptedOnly, payload: [{ name: "body" }] },
        })
        const other = { recipient: "mallory@example.org", key: entryKey, sealed }
        expect(await openEntry(other, at)).toMatchObject({ kind: "refused", because: "it is for another recipient" })
        const again = { recipient, key: `${entryKey}x`, sealed }
        expect(await openEntry(again, at)).toMatchObject({
          kind: "refused",
          because: "it was queued under another key",
        })
      }),
      { numRuns: 50 },
    )
  })

  test("whatever was changed, cut or put there by somebody else is refused", async () => {
    const { key } = await provider.generate({ userId: `xmpp:${botJid}` })
    const at = starting([key])
    const sealed = await sealEntry(message, at)
    const refused = { kind: "refused", because: "it was not sealed by this bot" }
    for (let place = 0; place < sealed.length; place++) {
      const flipped = sealed.with(place, (sealed[place] ?? 0) ^ 1)
      expect(await openEntry({ ...entry, sealed: flipped }, at)).toEqual(refused)
      expect(await openEntry({ ...entry, sealed: sealed.slice(0, place) }, at)).toEqual(refused)
    }
    const toOneself = await provider.signcrypt(new TextEncoder().encode("{}"), {
      ...{ recipients: [key.certificate], signWith: key, now: new Date() },
    })
    expect(await openEntry({ ...entry, sealed: toOneself }, at)).toEqual(refused)
    expect(await openEntry({ ...entry, sealed }, { ...at, account: "other@example.org" })).toEqual(refused)
    expect(await openEntry({ ...entry, sealed }, starting([key]))).toEqual(refused)
  })

  test("no two entries are alike, and none begins as an OpenPGP message does", async () => {
    const { key } = await provider.generate({ userId: `xmpp:${botJid}` })
    const at = starting([key])
    const all = await Promise.all(Array.from({ length: 200 }, () => sealEntry(message, at)))
    expect(new Set(all.map((sealed) => sealed.join())).size).toBe(200)
    for (const sealed of all) expect((sealed[0] ?? 0) & 0x80).toBe(0)
  })

  test("the key is made once, kept sealed to the own key, and opened once in each start", async () => {
    const { key } = await provider.generate({ userId: `xmpp:${botJid}` })
    const { state } = memoryStorage()
    let opened = 0
    const counting: CryptoProvider = {
      ...provider,
      open: (...given) => {
        opened += 1
        return provider.open(...given)
      },
    }
    const first = starting([key], state, counting)
    const sealed = await Promise.all([1, 2, 3].map(() => sealEntry(message, first)))
    expect(opened).toBe(0)
    const second = starting([key], state, counting)
    for (const one of sealed)
      expect(await openEntry({ ...entry, sealed: one }, second)).toMatchObject({ kind: "opened" })
    expect(opened).toBe(1)
    const stored = await state.get(`outbox/key/${botJid}`)
    const kept = await provider.open(stored?.bytes ?? new Uint8Array(), {
      ...{ decryptWith: [key], verifyWith: [key.certificate], now: new Date() },
    })
    expect(kept).toMatchObject({ encrypted: true, signatures: [{ kind: "valid" }] })
  })

  test("after a rotation it is sealed to the new key, and opens what waited", async () => {
    const keys = await Promise.all([1, 2].map(() => provider.generate({ userId: `xmpp:${botJid}` })))
    const [old, fresh] = keys.map(({ key }) => key)
    if (old === undefined || fresh === undefined) throw new Error("no keys")
    const { state } = memoryStorage()
    const own = [old]
    const before = starting(own, state)
    const sealed = await sealEntry(message, before)
    own.push(fresh)
    await before.outboxKey.ownKeyChanged()
    // The old key is gone.
    expect(await openEntry({ ...entry, sealed }, starting([fresh], state))).toMatchObject({ kind: "opened" })
  })

  test("a key that somebody else put there is refused with STORAGE, and nothing is sealed under it", async () => {
    const { key } = await provider.generate({ userId: `xmpp:${botJid}` })
    const mallory = await provider.generate({ userId: "xmpp:mallory@example.org" })
    const { state } = memoryStorage()
    const text = { purpose: "aurochs-outbox-key", v: 1, account: botJid, key: Buffer.alloc(32).toString("base64") }
    const forged = await provider.signcrypt(new TextEncoder().encode(JSON.stringify(text)), {
      ...{ recipients: [key.certificate], signWith: mallory.key, now: new Date() },
    })
    await state.put(`outbox/key/${botJid}`, forged)
    await expect(sealEntry(message, starting([key], state))).rejects.toMatchObject({ code: "STORAGE" })
    // Neither is a key of another purpose, although it is sealed and signed by the right one.
    const other = await provider.signcrypt(
      new TextEncoder().encode(JSON.stringify({ ...text, purpose: "aurochs-trust-key" })),
      { recipients: [key.certificate], signWith: key, now: new Date() },
    )
    await state.put(`outbox/key/${botJid}`, other)
    await expect(sealEntry(message, starting([key], state))).rejects.toMatchObject({ code: "STORAGE" })
  })

  test("who stops waiting for the key takes it from nobody else", async () => {
    const { key } = await provider.generate({ userId: `xmpp:${botJid}` })
    const { state } = memoryStorage()
    const sealed = await sealEntry(message, starting([key], state))
    const [begun, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow: CryptoProvider = {
      ...provider,
      async open(bytes, options) {
        begun.resolve()
        await mayGoOn.promise
        return provider.open(bytes, options)
      },
    }
    const at = starting([key], state, slow)
    const leaving = new AbortController()
    const first = sealEntry(message, { ...at, signal: leaving.signal })
    const second = openEntry({ ...entry, sealed }, at)
    await begun.promise
    leaving.abort()
    await expect(first).rejects.toMatchObject({ code: "ABORTED" })
    mayGoOn.resolve()
    expect(await second).toMatchObject({ kind: "opened" })
  })

  test("what failed once is tried again", async () => {
    const { key } = await provider.generate({ userId: `xmpp:${botJid}` })
    const { state } = memoryStorage()
    await sealEntry(message, starting([key], state))
    let isAway = true
    const away: CryptoProvider = {
      ...provider,
      async open(bytes, options) {
        if (isAway) throw new AurochsError("BACKEND", "no card", { backend: "test" })
        return provider.open(bytes, options)
      },
    }
    const at = starting([key], state, away)
    await expect(sealEntry(message, at)).rejects.toMatchObject({ code: "BACKEND" })
    isAway = false
    const sealed = await sealEntry(message, at)
    expect(await openEntry({ ...entry, sealed }, at)).toMatchObject({ kind: "opened" })
  })

  test("the bytes of the key are overwritten once they are not needed: made, opened, sealed again", async () => {
    const [old, fresh] = await Promise.all([1, 2].map(() => provider.generate({ userId: `xmpp:${botJid}` })))
    if (old === undefined || fresh === undefined) throw new Error("no keys")
    const { state } = memoryStorage()
    const made: Uint8Array[] = []
    let secret = ""
    const random = {
      bytes: (count: number) => {
        const bytes = cryptoRandom().bytes(count)
        if (count === 32) {
          made.push(bytes)
          secret = bytes.join()
        }
        return bytes
      },
    }
    const copies: string[] = []
    const own = [old.key]
    const options = { account: botJid, provider, state, clock: testClock(), random }
    const outboxKey = createOutboxKey({ ...options, own: () => ({ current: own.at(-1), all: own }) })
    const fill = Uint8Array.prototype.fill
    const overwriting = vi.spyOn(Uint8Array.prototype, "fill").mockImplementation(function (
      this: Uint8Array,
      ...given
    ) {
      if (this.length === 32 && given[0] === 0) copies.push(this.join())
      return fill.apply(this, given)
    })
    try {
      await sealEntry(message, { account: botJid, outboxKey })
      expect(made).toHaveLength(1)
      expect(made[0]?.every((byte) => byte === 0)).toBe(true)
      copies.length = 0
      own.push(fresh.key)
      await outboxKey.ownKeyChanged()
      expect(copies).toContain(secret)
      copies.length = 0
      const again = createOutboxKey({ ...options, own: () => ({ current: own.at(-1), all: own }) })
      await sealEntry(message, { account: botJid, outboxKey: again })
      expect(copies.filter((copy) => copy === secret)).toHaveLength(2)
    } finally {
      overwriting.mockRestore()
    }
  })
})
