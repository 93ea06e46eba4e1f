import { AurochsError, aborted, type Transport } from "@aurochs/core"
import { textBody } from "@aurochs/message"
import type { Leased } from "@aurochs/storage"
import { afterEach, describe, expect, test } from "vitest"
import { createOwnWords } from "../src/own-words.ts"
import { createPeer } from "./peers.ts"
import { botJid, eventually, lastingStorage, type Running, startBot } from "./setup.ts"
import { createWorld } from "./world.ts"

let bot: Running | undefined
afterEach(async () => {
  await bot?.stop()
  bot = undefined
})

const numbered = (to: string, count: number) => Array.from({ length: count }, (_, at) => ({ to, body: `number ${at}` }))

/** A transport whose acknowledgements come when they are let go; what was written is in `written`. */
function slowAcks(inner: Transport) {
  const written: string[] = []
  const waiting: ((outcome: "acknowledged" | "lost") => void)[] = []
  let mode: "hold" | "pass" = "hold"
  const transport: Transport = {
    ...inner,
    async send(stanza, options) {
      if (stanza.name !== "message") return inner.send(stanza, options)
      written.push(stanza.attributes.id ?? "")
      if (mode === "pass") return inner.send(stanza, options)
      const outcome = await new Promise<"acknowledged" | "lost" | "aborted">((resolve) => {
        waiting.push(resolve)
        options?.signal?.addEventListener("abort", () => resolve("aborted"), { once: true })
      })
      if (outcome === "aborted") throw aborted(options?.signal ?? AbortSignal.abort())
      if (outcome === "lost") throw new AurochsError("NETWORK", "the session was lost", { phase: "closed" })
      await inner.send(stanza, options)
    },
  }
  return {
    transport,
    written,
    pass: () => (mode = "pass"),
    end: (outcome: "acknowledged" | "lost") => {
      for (const resolve of waiting.splice(0)) resolve(outcome)
    },
  }
}

describe("on the way out", () => {
  test("one recipient's messages are written in order, and none waits for the acknowledgement of the one before", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const slow = slowAcks(world.connect(botJid))
    bot = await startBot(world, () => {}, { transport: slow.transport })
    await bot.bot.sendAll(numbered(juliet.jid, 40))
    await eventually(() => expect(slow.written).toHaveLength(40))
    expect(await bot.bot.status()).toMatchObject({ waiting: 40 })
    slow.pass()
    slow.end("acknowledged")
    for (let at = 0; at < 40; at++) {
      expect(await juliet.hear(botJid, bot.certificate)).toMatchObject({ body: `number ${at}` })
    }
    const sent = await Array.fromAsync(bot.storage.archive.read({ account: botJid, direction: "out" }))
    await eventually(async () => expect(await bot?.bot.status()).toMatchObject({ waiting: 0 }))
    expect(new Set(sent.map((entry) => entry.stanza.attributes.id)).size).toBe(sent.length)
  })

  test("a session that is lost under way: all is sent again in the old order, and what was not written was not tried", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const slow = slowAcks(world.connect(botJid))
    bot = await startBot(world, () => {}, { transport: slow.transport })
    await bot.bot.sendAll(numbered(juliet.jid, 12))
    await eventually(() => expect(slow.written).toHaveLength(12))
    slow.pass()
    slow.end("lost")
    // The next session.
    world.account(botJid).setAway(true)
    world.account(botJid).setAway(false)
    for (let at = 0; at < 12; at++) {
      expect(await juliet.hear(botJid, bot.certificate)).toMatchObject({ body: `number ${at}` })
    }
    await eventually(async () => expect(await bot?.bot.status()).toMatchObject({ waiting: 0 }))
    const entries = await Array.fromAsync(bot.storage.outbox.list(botJid, { includeSent: true }))
    expect(entries.map(({ state, attempts, lostConnections }) => [state, attempts, lostConnections])).toEqual(
      entries.map(() => ["sent", 2, 1]),
    )
  })

  test("a message that has to wait holds back those behind it, one that is parked does not", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    let failures = 1
    const client = world.connect(botJid)
    const transport: Transport = {
      ...client,
      send(stanza, options) {
        const isText = stanza.name === "message"
        if (isText && failures-- > 0) return Promise.reject(new AurochsError("BACKEND", "once", { backend: "test" }))
        return client.send(stanza, options)
      },
    }
    bot = await startBot(world, () => {}, { transport })
    const first = { to: juliet.jid, body: "first" }
    const tooLong = { to: juliet.jid, body: "x".repeat(300_000) }
    await bot.bot.sendAll([first, tooLong, ...numbered(juliet.jid, 3)])
    const states = async () =>
      (await Array.fromAsync(bot?.storage.outbox.list(botJid, { includeSent: true }) ?? [])).map(({ state }) => state)
    await eventually(async () => expect(await states()).toEqual(["waiting", "parked", "waiting", "waiting", "waiting"]))
    expect(world.sent.filter(({ name, attributes }) => name === "message" && attributes.to === juliet.jid)).toEqual([])
    await bot.storage.outbox.wake(botJid)
    await bot.bot.send("nobody@example.org", "rings the bell")
    for (const body of ["first", "number 0", "number 1", "number 2"]) {
      expect(await juliet.hear(botJid, bot.certificate)).toMatchObject({ body })
    }
    expect((await states()).slice(0, 5)).toEqual(["sent", "parked", "sent", "sent", "sent"])
  })

  test("what was just sealed here is known by its bytes, for its recipient and key, and once", () => {
    const words = createOwnWords()
    const message = { recipient: "juliet@example.org", key: "k", payload: [textBody("x")], encryptedOnly: false }
    const sealed = Uint8Array.of(1, 2, 3)
    const entry = {
      id: "1",
      recipient: message.recipient,
      key: "k",
      sealed: Uint8Array.of(1, 2, 3),
    } as unknown as Leased
    for (const other of [
      { sealed: Uint8Array.of(1, 2, 4) },
      { sealed: Uint8Array.of(1, 2) },
      { recipient: "romeo@example.org" },
      { key: "other" },
      { id: "2" },
    ]) {
      words.remember("1", sealed, message)
      expect(words.take({ ...entry, ...other })).toBeUndefined()
    }
    words.remember("1", sealed, message)
    expect(words.take(entry)).toBe(message)
    expect(words.take(entry)).toBeUndefined()
    for (let at = 0; at < 2_100; at++) words.remember(`n${at}`, sealed, message)
    expect(words.take({ ...entry, id: "n0" })).toBeUndefined()
    expect(words.take({ ...entry, id: "n2099" })).toBe(message)
    words.remember("large", new Uint8Array(5_000_000), message)
    expect(words.take({ ...entry, id: "n2098" })).toBeUndefined()
  })
})

describe("on the way in", () => {
  test("what arrived together is opened together and handled in order, each once, also with copies among it", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const heard: string[] = []
    const gate = Promise.withResolvers<void>()
    bot = await startBot(world, (one) =>
      one.text(async (ctx) => {
        if (heard.length === 0) await gate.promise
        heard.push(ctx.message.body)
      }),
    )
    const stanzas = []
    for (let at = 0; at < 30; at++) stanzas.push(await juliet.say(botJid, bot.certificate, `number ${at}`))
    for (const stanza of stanzas.slice(0, 10)) world.account(botJid).deliver(stanza, "mam")
    gate.resolve()
    const all = Array.from({ length: 30 }, (_, at) => `number ${at}`)
    await eventually(() => expect(heard).toEqual(all))
    for (const stanza of stanzas.slice(20)) world.account(botJid).deliver(stanza, "mam")
    await eventually(async () => {
      const entries = await Array.fromAsync(bot?.storage.archive.read({ account: botJid }) ?? [])
      expect(entries.map(({ handled, verdict }) => [handled, verdict?.outcome])).toEqual(
        all.map(() => [true, "secure"]),
      )
    })
    expect(heard).toEqual(all)
  })

  test("A2: an answer of the seen-set that got lost loses no message", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const storage = lastingStorage()
    let calls = 0
    const seen = {
      ...storage.seen,
      async claim(...given: Parameters<typeof storage.seen.claim>) {
        const result = await storage.seen.claim(...given)
        // Claimed, and nobody knows: once for a message alone, once for one of several.
        if (++calls === 1 || calls === 5) throw new AurochsError("STORAGE", "gone", { operation: "seen.claim" })
        return result
      },
    }
    const heard: string[] = []
    const gate = Promise.withResolvers<void>()
    const prepare = (one: Running["bot"]) =>
      one.text(async (ctx) => {
        heard.push(ctx.message.body)
        if (heard.length === 1) await gate.promise
      })
    bot = await startBot(world, prepare, { storage: { ...storage, seen } })
    for (let at = 0; at < 8; at++) await juliet.say(botJid, bot.certificate, `number ${at}`)
    gate.resolve()
    await eventually(() => expect(heard).toEqual(Array.from({ length: 8 }, (_, at) => `number ${at}`)))
    const entries = await Array.fromAsync(storage.archive.read({ account: botJid }))
    expect(entries).toHaveLength(8)
  })
})
