import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileStore } from "@aurochs/storage"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { createBot } from "../src/index.ts"
import { createPeer, provider } from "./peers.ts"
import { botJid, eventually, keepingLogger, lastingStorage, startBot } from "./setup.ts"
import { createWorld } from "./world.ts"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-bot-"))
})
afterEach(() => rm(folder, { recursive: true }))

/** Every file below, as text. */
async function everything(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return (await readFile(path)).toString("latin1")
  const parts = await Promise.all((await readdir(path)).map((name) => everything(join(path, name))))
  return parts.join("\n")
}

/** A storage that several bots use one after another: none of them ends it. */
const shared = { storage: lastingStorage, dispose: false }

describe("restart", () => {
  test("key, contacts and queue survive; nothing readable lies on disk", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet", { announced: false })
    const echo = (bot: ReturnType<typeof createBot>) => bot.text((ctx) => ctx.reply(`you said ${ctx.message.body}`))
    const first = await startBot(world, echo, { storage: fileStore(folder) })
    await first.bot.send(juliet.jid, "a secret notice")
    await first.stop()
    expect(await everything(folder)).not.toContain("secret notice")

    juliet.announce()
    const second = await startBot(world, echo, { storage: fileStore(folder) })
    expect(second.certificate.fingerprint).toBe(first.certificate.fingerprint)
    expect(await juliet.hear(botJid, first.certificate)).toMatchObject({ kind: "secure", body: "a secret notice" })
    await juliet.say(botJid, first.certificate, "wherefore")
    expect(await juliet.hear(botJid, first.certificate)).toMatchObject({ body: "you said wherefore" })
    await second.stop()
    expect(await everything(folder)).not.toMatch(/secret notice|wherefore/)
  })

  test("what is queued while the server is away, before any session, is durable and leaves later", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const first = await startBot(world, () => {}, { storage: fileStore(folder) })
    await first.stop()
    world.account(botJid).setAway(true)
    const bot = createBot({
      transport: world.connect(botJid),
      provider,
      storage: fileStore(folder),
      log: keepingLogger(),
      graceMs: 500,
    })
    const stopping = new AbortController()
    const running = bot.run({ signal: stopping.signal })
    await bot.send(juliet.jid, "later")
    expect(await bot.status()).toMatchObject({ connected: false, waiting: 1 })
    world.account(botJid).setAway(false)
    expect(await juliet.hear(botJid, first.certificate)).toMatchObject({ kind: "secure", body: "later" })
    expect(await bot.status()).toMatchObject({ connected: true, ownKey: first.certificate.fingerprint })
    stopping.abort()
    await running
  })

  test("what a crash left unhandled is handled after the restart, before what is new, and answered once", async () => {
    const world = createWorld()
    const storage = shared.storage()
    const juliet = await createPeer(world, "juliet")
    const never = Promise.withResolvers<void>()
    const first = await startBot(
      world,
      (bot) =>
        bot.text(async (ctx) => {
          await ctx.reply(`you said ${ctx.message.body}`)
          await never.promise
        }),
      { ...shared, storage, graceMs: 20 },
    )
    await juliet.say(botJid, first.certificate, "one")
    await juliet.say(botJid, first.certificate, "two")
    expect(await juliet.hear(botJid, first.certificate)).toMatchObject({ body: "you said one" })
    await first.stop()
    await juliet.say(botJid, first.certificate, "three")

    const seen: string[] = []
    const second = await startBot(
      world,
      (bot) =>
        bot.text((ctx) => {
          seen.push(ctx.message.body)
          return ctx.reply(`you said ${ctx.message.body}`)
        }),
      { ...shared, storage },
    )
    await eventually(() => expect(seen).toEqual(["one", "two", "three"]))
    const bodies = []
    for (let n = 0; n < 2; n++) {
      const message = await juliet.hear(botJid, first.certificate)
      bodies.push(message?.kind === "secure" && message.body)
    }
    expect(bodies).toEqual(["you said two", "you said three"])
    await second.stop()
    const unhandled = await Array.fromAsync(storage.archive.unhandled(botJid))
    expect(unhandled).toEqual([])
  })

  test("a message that a crashed bot had taken out is sent after its lease, with the same stanza id", async () => {
    const { testClock } = await import("./clock.ts")
    const world = createWorld()
    const storage = shared.storage()
    const juliet = await createPeer(world, "juliet")
    const first = await startBot(world, () => {}, { ...shared, storage })
    await first.bot.send(juliet.jid, "once")
    await juliet.hear(botJid, first.certificate)
    await eventually(async () => expect(await first.bot.status()).toMatchObject({ waiting: 0 }))
    await first.stop()
    // As if it had crashed between the acknowledgement and its own note of it.
    const [sent] = await Array.fromAsync(storage.outbox.list(botJid, { includeSent: true }))
    if (sent === undefined) throw new Error("nothing was sent")
    const stanzaId = world.sent.at(-1)?.attributes.id ?? ""
    await storage.outbox.returned(
      { account: botJid, stanzaId },
      { kind: "waiting", retryAt: new Date(), because: "crash" },
    )
    await storage.outbox.claim({ account: botJid, now: new Date(), leaseMs: 120_000, limit: 1 })

    const clock = testClock()
    const second = await startBot(world, () => {}, { ...shared, storage, clock })
    await clock.advance(100_000)
    expect(await second.bot.status()).toMatchObject({ waiting: 1 })
    await clock.advance(21_000)
    expect(await juliet.hear(botJid, first.certificate)).toMatchObject({ kind: "secure", body: "once", stanzaId })
    await second.stop()
  })

  test("with `exclusive` what a crash left taken out goes at once", async () => {
    const world = createWorld()
    const storage = shared.storage()
    const juliet = await createPeer(world, "juliet")
    world.onMessage = () => ({ bounce: "resource-constraint", type: "wait" })
    const first = await startBot(world, () => {}, { ...shared, storage })
    await first.bot.send(juliet.jid, "once")
    await eventually(async () => {
      const [entry] = await Array.fromAsync(storage.outbox.list(botJid))
      expect(entry?.because).toBe("came back: resource-constraint")
    })
    await first.stop()
    world.onMessage = () => "pass"
    const tomorrow = new Date(Date.now() + 86_400_000)
    const claimed = await storage.outbox.claim({ account: botJid, now: tomorrow, leaseMs: 120_000, limit: 1 })
    expect(claimed).toHaveLength(1)
    const second = await startBot(world, () => {}, { ...shared, storage, exclusive: true })
    expect(await juliet.hear(botJid, first.certificate)).toMatchObject({ kind: "secure", body: "once" })
    await second.stop()
  })
})

describe("graceful stop", () => {
  test("running handlers finish, nothing new is begun, and everything is disposed", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const begun: string[] = []
    const ended: string[] = []
    const gate = Promise.withResolvers<void>()
    let disposed = 0
    const storage = lastingStorage()
    const counting = {
      ...storage,
      async [Symbol.asyncDispose]() {
        disposed += 1
      },
    }
    const bot = await startBot(
      world,
      (bot) =>
        bot.text(async (ctx) => {
          begun.push(ctx.message.body)
          await gate.promise
          expect(ctx.signal.aborted).toBe(false)
          ended.push(ctx.message.body)
        }),
      { storage: counting },
    )
    await juliet.say(botJid, bot.certificate, "one")
    await juliet.say(botJid, bot.certificate, "two")
    await eventually(() => expect(begun).toEqual(["one"]))
    const stopped = bot.stop()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect([ended, disposed]).toEqual([[], 0])
    gate.resolve()
    await stopped
    expect([begun, ended, disposed]).toEqual([["one"], ["one"], 1])
    const left = await Array.fromAsync(storage.archive.unhandled(botJid))
    expect(left).toHaveLength(1)
    await expect(
      bot.client.send({ name: "presence", namespace: "jabber:client", attributes: {}, children: [] }),
    ).rejects.toMatchObject({ code: "NETWORK" })
  })

  test("a handler that does not end is given up after the grace, told by ctx.signal, and left for the next start", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const [begun, told] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const storage = lastingStorage()
    const bot = await startBot(
      world,
      (bot) =>
        bot.text(async (ctx) => {
          begun.resolve()
          await new Promise<void>((_, reject) => {
            ctx.signal.addEventListener("abort", () => {
              told.resolve()
              reject(new Error("stopped"))
            })
          })
        }),
      { storage, graceMs: 30 },
    )
    await juliet.say(botJid, bot.certificate, "one")
    await eventually(async () => expect(await Array.fromAsync(storage.archive.unhandled(botJid))).toHaveLength(1))
    await begun.promise
    await bot.stop()
    await told.promise
    expect(await Array.fromAsync(storage.archive.unhandled(botJid))).toHaveLength(1)
  })

  test("with the server away what is under way does not hold up the stop, and is still there", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const storage = lastingStorage()
    const running = await startBot(world, () => {}, { storage, graceMs: 30_000 })
    await running.bot.send(juliet.jid, "one")
    await eventually(async () => expect(await running.bot.status()).toMatchObject({ waiting: 0 }))
    // A message of somebody whose keys have to be looked up, in a lane.
    const romeo = await createPeer(world, "romeo", { announced: false })
    await romeo.say(botJid, running.certificate, "hello")
    world.account(botJid).setAway(true)
    await running.bot.sendAll([
      { to: juliet.jid, body: "two" },
      { to: "nobody@example.org", body: "three" },
    ])
    await eventually(async () => {
      const states = await Array.fromAsync(storage.outbox.list(botJid))
      expect(states.map(({ state }) => state)).toEqual(["leased", "leased"])
      expect(await Array.fromAsync(storage.archive.unhandled(botJid))).toHaveLength(1)
    })
    const began = Date.now()
    await running.stop()
    expect(Date.now() - began).toBeLessThan(4000)
    const left = await Array.fromAsync(storage.outbox.list(botJid))
    expect(left.map(({ state, because }) => [state, because])).toEqual([
      ["waiting", "the bot was stopped"],
      ["waiting", "the bot was stopped"],
    ])
    const [unhandled] = await Array.fromAsync(storage.archive.unhandled(botJid))
    expect(unhandled?.verdict).toBeUndefined()
    expect(running.log.lines.filter(({ level }) => level === "error")).toEqual([])
  }, 15_000)

  test("stopping before there is a server ends at once; a bot runs only once", async () => {
    const world = createWorld()
    world.account(botJid).setAway(true)
    const bot = createBot({
      transport: world.connect(botJid),
      provider,
      storage: lastingStorage(),
      log: keepingLogger(),
    })
    const stopping = new AbortController()
    const running = bot.run({ signal: stopping.signal })
    const waiting = bot.send("juliet@example.org", "never")
    setTimeout(() => stopping.abort(), 20)
    await running
    await expect(waiting).rejects.toMatchObject({ code: "CONFIGURATION" })
    await expect(bot.run()).rejects.toMatchObject({ code: "CONFIGURATION" })
  })
})
