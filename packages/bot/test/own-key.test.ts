import { bareJid, fingerprint } from "@aurochs/core"
import { memoryStorage } from "@aurochs/storage"
import { pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import { describe, expect, test } from "vitest"
import { createBot, type KeyEvent } from "../src/index.ts"
import { testClock } from "./clock.ts"
import { createPeer, provider } from "./peers.ts"
import { botJid, eventually, keepingLogger, lastingStorage, startBot } from "./setup.ts"
import { createWorld, type World } from "./world.ts"

function listed(world: World) {
  const item = world.account(botJid).pep.nodes.get(publicKeysNode)?.item
  const payload = item?.children.find((child) => typeof child !== "string")
  return payload === undefined || typeof payload === "string"
    ? []
    : publicKeysList.read(payload).map((entry) => entry.fingerprint)
}

function runOnce(world: World, options: Partial<Parameters<typeof createBot>[0]> = {}) {
  const bot = createBot({
    transport: world.connect(botJid),
    provider,
    storage: lastingStorage(),
    log: keepingLogger(),
    ...options,
  })
  return bot.run({ signal: AbortSignal.timeout(3000) })
}

describe("own key at start", () => {
  test("R53: none held, none listed: one is made, saved, announced, and used again", async () => {
    const world = createWorld()
    const storage = lastingStorage()
    const first = await startBot(world, () => {}, { storage, dispose: false })
    expect(listed(world)).toEqual([first.certificate.fingerprint])
    await first.stop()
    const second = await startBot(world, () => {}, { storage })
    expect(second.certificate.fingerprint).toBe(first.certificate.fingerprint)
    expect(listed(world)).toEqual([first.certificate.fingerprint])
    await second.stop()
  })

  test("a storage that forgets, `require`, and a key that is held elsewhere refuse, each with what to do", async () => {
    await expect(runOnce(createWorld(), { storage: memoryStorage() })).rejects.toMatchObject({ code: "CONFIGURATION" })
    await expect(runOnce(createWorld(), { ownKey: "require" })).rejects.toMatchObject({
      code: "CONFIGURATION",
      message: expect.stringContaining("aurochs key"),
    })
    const world = createWorld()
    world.account(botJid).pep.put(publicKeysNode, publicKeysList.write([{ fingerprint: fingerprint("AB".repeat(20)) }]))
    await expect(runOnce(world)).rejects.toMatchObject({ message: expect.stringContaining("aurochs key import") })
  })

  test("the passphrase is asked once and protects the key", async () => {
    const world = createWorld()
    const storage = lastingStorage()
    let asked = 0
    const passphrase = () => {
      asked += 1
      return new TextEncoder().encode("correct horse")
    }
    await startBotWith({ passphrase })
    expect(asked).toBe(1)
    const [secret] = await storage.secrets.load(botJid)
    await expect(provider.importSecret(secret ?? new Uint8Array())).rejects.toMatchObject({ code: "KEY_LOCKED" })
    await expect(runOnce(world, { storage, dispose: false })).rejects.toMatchObject({ code: "KEY_LOCKED" })
    const wrong = () => new TextEncoder().encode("wrong")
    await expect(runOnce(world, { storage, dispose: false, passphrase: wrong })).rejects.toMatchObject({
      code: "CANNOT_DECRYPT",
    })

    async function startBotWith(options: { passphrase: () => Uint8Array }) {
      const stopping = new AbortController()
      const transport = world.connect(botJid)
      const bot = createBot({ transport, provider, storage, log: keepingLogger(), dispose: false, ...options })
      bot.onReady(() => stopping.abort())
      await bot.send("juliet@example.org", "x", { signal: AbortSignal.timeout(1) }).catch(() => {})
      await bot.run({ signal: stopping.signal })
    }
  })
})

describe("own key while running", () => {
  test("R47, R48, A33: a key that disappears from the list is merged back, foreign entries stay", async () => {
    const clock = testClock()
    const world = createWorld()
    const bot = await startBot(world, () => {}, { clock })
    const foreign = fingerprint("CD".repeat(20))
    world.account(botJid).pep.put(publicKeysNode, publicKeysList.write([{ fingerprint: foreign }]))
    await eventually(() => expect(listed(world)).toEqual([foreign, bot.certificate.fingerprint]))
    const named = () => bot.log.lines.filter(({ message }) => message === "the own key list names keys of others")
    expect(named()).toMatchObject([{ level: "warn", fields: { foreign: [foreign] } }])
    // The other client throws it out again: now there is a pause. The list is looked at three times in half a minute.
    await clock.advance(31_000)
    world.account(botJid).pep.put(publicKeysNode, publicKeysList.write([{ fingerprint: foreign }]))
    await eventually(() => expect(bot.log.lines.at(-1)).toMatchObject({ fields: { now: "postponed" } }))
    expect(listed(world)).toEqual([foreign])
    await clock.advance(61_000)
    await eventually(() => expect(listed(world)).toEqual([foreign, bot.certificate.fingerprint]))
    // Said once, however often the list is looked at.
    expect(named()).toHaveLength(1)
    await bot.stop()
  })

  test("R4: a foreign key in the own list is never encrypted to, and the operator hears of it once", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const events: KeyEvent[] = []
    const bot = await startBot(world, (b) => b.onKeys((event) => events.push(event)))
    const { key } = await provider.generate({ userId: `xmpp:${bareJid(botJid)}` })
    const { pep } = world.account(botJid)
    const entries = [{ fingerprint: bot.certificate.fingerprint }, { fingerprint: key.certificate.fingerprint }]
    pep.put(publicKeyNode(key.certificate.fingerprint), pubkey.write(key.certificate.bytes))
    pep.put(publicKeysNode, publicKeysList.write(entries))
    const foreign = { owner: botJid, fingerprint: key.certificate.fingerprint, kind: "key-quarantined" }
    await eventually(() => expect(events.filter(({ owner }) => owner === botJid)).toEqual([foreign]))
    await bot.bot.send(juliet.jid, "hello")
    const heard = await juliet.hear(botJid, bot.certificate)
    expect(heard).toMatchObject({ kind: "secure" })
    const { openpgpBytesOf } = await import("@aurochs/message")
    const bytes = openpgpBytesOf(world.sent.at(-1) as never) ?? new Uint8Array()
    await expect(provider.open(bytes, { decryptWith: [key], verifyWith: [] })).rejects.toMatchObject({
      code: "CANNOT_DECRYPT",
    })
    // A note to oneself, too.
    await bot.bot.send(botJid, "note")
    await eventually(() => expect(world.sent).toHaveLength(2))
    const note = openpgpBytesOf(world.sent.at(-1) as never) ?? new Uint8Array()
    await expect(provider.open(note, { decryptWith: [key], verifyWith: [] })).rejects.toMatchObject({
      code: "CANNOT_DECRYPT",
    })
    await bot.stop()
    const audited = await Array.fromAsync(bot.storage.audit.read({ account: botJid }))
    expect(audited.map(({ kind }) => kind)).toContain("own-list-foreign-key")
  })

  test("A33: whatever the own server does to the list: three looks in half a minute, ten rows, lines and events an hour", async () => {
    const clock = testClock()
    const world = createWorld()
    const events: KeyEvent[] = []
    const bot = await startBot(world, (b) => b.onKeys((event) => events.push(event)), { clock })
    const own = { fingerprint: bot.certificate.fingerprint }
    const rows = async () =>
      (await Array.fromAsync(bot.storage.audit.read({ account: botJid }))).filter(({ kind }) =>
        kind.startsWith("own-list"),
      )
    const named = () =>
      bot.log.lines.filter(
        ({ level, message }) => level === "warn" && message === "the own key list names keys of others",
      )
    const asked = () =>
      JSON.stringify(world.requests.filter(({ from }) => from === botJid)).split(publicKeysNode).length
    // 300 keys, 20 at a time, again and again.
    const cycle = (round: number) => {
      const prints = Array.from({ length: 20 }, (_, at) => {
        const print = fingerprint((((round * 20) % 300) + at).toString(16).padStart(40, "0").toUpperCase())
        return { fingerprint: print }
      })
      world.account(botJid).pep.put(publicKeysNode, publicKeysList.write([own, ...prints]))
    }
    await clock.advance(31_000)
    cycle(0)
    await eventually(() => expect(named()).toHaveLength(1))
    await clock.advance(31_000)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const before = asked()
    for (let round = 1; round < 60; round++) {
      cycle(round)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const looks = asked() - before
    expect(looks).toBeGreaterThan(0)
    // Each look asks for the list itself, and for data that is not there.
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked() - before).toBe(looks)
    expect(named().length).toBeLessThanOrEqual(4)
    for (let round = 60; round < 120; round++) {
      cycle(round)
      await clock.advance(31_000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await clock.advance(3_600_000)
    await eventually(() => expect(events.filter(({ more }) => more !== undefined)).not.toEqual([]))
    expect(named().length).toBeLessThanOrEqual(20)
    expect(events.filter(({ more }) => more === undefined).length).toBeLessThanOrEqual(20)
    expect(named()[0]?.fields).toMatchObject({ foreign: { length: 10 }, more: 10 })
    const kinds = (await rows()).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === "own-list-foreign-key").length).toBeLessThanOrEqual(20)
    expect(kinds).toContain("own-list-foreign-keys")
    await bot.stop()
  }, 20_000)
})
