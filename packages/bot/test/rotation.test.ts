import { bareJid, type Fingerprint } from "@aurochs/core"
import type { SecretKey } from "@aurochs/crypto"
import { pepDirectory, revokeKey, rotateKey, tofu, trustElement } from "@aurochs/keys"
import { openpgpBytesOf, seal } from "@aurochs/message"
import type { Storage } from "@aurochs/storage"
import { pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import { describe, expect, test, vi } from "vitest"
import { type Bot, type Context, createBot, type KeyEvent } from "../src/index.ts"
import { type TestClock, testClock } from "./clock.ts"
import { createPeer, type Peer, provider } from "./peers.ts"
import { botJid, keepingLogger, lastingStorage, startBot, eventually as within } from "./setup.ts"
import { createWorld, type World } from "./world.ts"

vi.setConfig({ testTimeout: 60_000 })

/** Twice two bots with real keys: on a busy machine that takes its time. */
const eventually = (check: () => unknown) => within(check, 40_000)

const friendJid = bareJid("friend@example.org")

interface Side {
  readonly bot: Bot<Context>
  readonly storage: Storage
  readonly heard: { readonly body: string; readonly signedBy: Fingerprint; readonly level: string }[]
  readonly odd: string[]
  readonly events: KeyEvent[]
  readonly running: Promise<void>
  stop(): Promise<void>
}

/** A bot that keeps what it hears, under tofu. */
async function side(world: World, jid: string, clock?: TestClock): Promise<Side> {
  const storage = lastingStorage()
  const heard: Side["heard"] = []
  const odd: string[] = []
  const events: KeyEvent[] = []
  const prepare = (bot: Bot<Context>) => {
    bot.text(({ message: { body, signedBy, trust } }) => heard.push({ body, signedBy, level: trust.level }))
    bot.observe("unverified", ({ message }) => odd.push(message.reason))
    bot.observe("rejected", ({ message }) => odd.push(message.check))
    bot.onKeys((event) => events.push(event))
  }
  const transport = world.connect(jid)
  const bot = createBot({ transport, provider, storage, clock, trust: tofu(), log: keepingLogger(), dispose: false })
  prepare(bot)
  const ready = Promise.withResolvers<void>()
  bot.onReady(() => ready.resolve())
  const stopping = new AbortController()
  const running = bot.run({ signal: stopping.signal })
  running.catch(ready.reject)
  await ready.promise
  return {
    bot,
    storage,
    heard,
    odd,
    events,
    running,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

const bodies = ({ heard }: Side) => heard.map(({ body }) => body)

/** What a command beside the bot works with. */
function beside(world: World, jid: string, { secrets, state, audit }: Storage, clock: TestClock) {
  const directory = pepDirectory({ transport: world.connect(jid), provider, clock })
  return { account: bareJid(jid), provider, secrets, state, audit, clock, directory }
}

describe("two bots, while one of them changes keys", () => {
  test("nothing is lost, before and after, and the other one sees one clear event", async () => {
    const world = createWorld()
    const clock = testClock()
    const a = await side(world, botJid, clock)
    const b = await side(world, friendJid, clock)
    await a.bot.send(friendJid, "one")
    await b.bot.send(botJid, "two")
    await eventually(() => expect([bodies(a), bodies(b)]).toEqual([["two"], ["one"]]))
    const old = b.heard[0]?.signedBy as Fingerprint

    // A contact's keys are read again every ten seconds at most.
    await clock.advance(11_000)
    const { from, to } = await a.bot.rotateKey()
    expect(from).toBe(old)
    expect((await a.bot.status()).ownKey).toBe(to)
    await eventually(() => expect(b.events.map(({ kind }) => kind)).toContain("key-introduced"))
    await a.bot.send(friendJid, "three")
    await b.bot.send(botJid, "four")
    await eventually(() =>
      expect([bodies(a), bodies(b)]).toEqual([
        ["two", "four"],
        ["one", "three"],
      ]),
    )
    expect(b.heard[1]).toMatchObject({ signedBy: to, level: "introduced" })

    await clock.advance(11_000)
    await revokeKey({ ...beside(world, botJid, a.storage, clock), fingerprint: from, reason: "superseded" })
    await eventually(() => expect(b.events.map(({ kind }) => kind)).toContain("key-revoked"))
    await a.bot.send(friendJid, "five")
    await b.bot.send(botJid, "six")
    await eventually(() =>
      expect([bodies(a), bodies(b)]).toEqual([
        ["two", "four", "six"],
        ["one", "three", "five"],
      ]),
    )
    expect([a.odd, b.odd]).toEqual([[], []])
    const of = b.events.filter(({ owner }) => owner === botJid)
    expect(of.map(({ kind, fingerprint }) => `${kind} ${fingerprint}`)).toEqual([
      `key-new ${from}`,
      `key-introduced ${to}`,
      `key-changed ${from}`,
      `key-revoked ${from}`,
    ])
    await Promise.all([a.stop(), b.stop()])
  })

  test("a message sealed to the old key, and one signed by it, still arrive after the rotation", async () => {
    const world = createWorld()
    const clock = testClock()
    const a = await side(world, botJid, clock)
    const b = await side(world, friendJid, clock)
    await a.bot.send(friendJid, "one")
    await eventually(() => expect(bodies(b)).toEqual(["one"]))
    // The friend's network is away: what is sent meanwhile lies at the server, signed by the old key.
    world.account(friendJid).setAway(true)
    await a.bot.send(friendJid, "two")
    await b.bot.send(botJid, "three")
    await eventually(() => expect(world.sent.filter(({ name }) => name === "message")).toHaveLength(2))
    await clock.advance(11_000)
    const { from, to } = await a.bot.rotateKey()
    await clock.advance(11_000)
    await revokeKey({ ...beside(world, botJid, a.storage, clock), fingerprint: from, reason: "retired" })
    world.account(friendJid).setAway(false)
    await eventually(() => expect([bodies(a), bodies(b), a.odd, b.odd]).toEqual([["three"], ["one", "two"], [], []]))
    expect(b.heard[1]?.signedBy).toBe(from)
    await a.bot.send(friendJid, "four")
    await eventually(() => expect(b.heard[2]).toMatchObject({ body: "four", signedBy: to }))
    expect([a.odd, b.odd]).toEqual([[], []])
    await Promise.all([a.stop(), b.stop()])
  })

  test("what waited in the outbox, sealed to the old key, leaves under the new one", async () => {
    const world = createWorld()
    const clock = testClock()
    const a = await side(world, botJid, clock)
    await a.bot.send(friendJid, "waiting for your key")
    await eventually(async () => expect((await a.bot.status()).waiting).toBe(1))
    await clock.advance(11_000)
    const { from, to } = await a.bot.rotateKey()
    await revokeKey({ ...beside(world, botJid, a.storage, clock), fingerprint: from, reason: "superseded" })
    const b = await side(world, friendJid, clock)
    await eventually(() => expect(b.heard).toMatchObject([{ body: "waiting for your key", signedBy: to }]))
    await Promise.all([a.stop(), b.stop()])
  })

  test("a rotation by a command beside the bot is taken up without a restart", async () => {
    const world = createWorld()
    const clock = testClock()
    const a = await side(world, botJid, clock)
    const { to } = await rotateKey(beside(world, botJid, a.storage, clock))
    await eventually(async () => expect((await a.bot.status()).ownKey).toBe(to))
    expect(a.events).toEqual([])
    await a.stop()
  })

  test("when the only key is revoked beside it, the bot ends and says so", async () => {
    const world = createWorld()
    const clock = testClock()
    const a = await side(world, botJid, clock)
    const fingerprint = (await a.bot.status()).ownKey as Fingerprint
    await revokeKey({ ...beside(world, botJid, a.storage, clock), fingerprint, reason: "compromised" })
    await expect(a.running).rejects.toMatchObject({
      code: "NO_USABLE_KEY",
      message: expect.stringContaining("revoked"),
    })
  })
})

/** Puts keys into a peer's list, as a server could. */
function list(world: World, peer: Peer, keys: readonly SecretKey["certificate"][]) {
  const { pep } = world.account(peer.jid)
  for (const { fingerprint, bytes } of keys) pep.put(publicKeyNode(fingerprint), pubkey.write(bytes))
  pep.put(publicKeysNode, publicKeysList.write(keys.map(({ fingerprint }) => ({ fingerprint, date: new Date() }))))
}

describe("A5: a key that nobody vouches for", () => {
  test("the operator hears of it, the contact gets one notice sealed to the pinned key, and sending goes on", async () => {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const events: KeyEvent[] = []
    const keyNotice = ({ fingerprint }: KeyEvent) => `a new key ${fingerprint} is not used`
    const bot = await startBot(world, (b) => b.onKeys((event) => events.push(event)), { trust: tofu(), keyNotice })
    await bot.bot.send(juliet.jid, "first")
    expect(await juliet.hear(botJid, bot.certificate)).toMatchObject({ body: "first" })

    const { key: added } = await provider.generate({ userId: `xmpp:${juliet.jid}` })
    const print = added.certificate.fingerprint
    list(world, juliet, [juliet.key.certificate, added.certificate])
    expect(await juliet.hear(botJid, bot.certificate)).toMatchObject({ body: `a new key ${print} is not used` })
    const notice = openpgpBytesOf(world.sent.at(-1) as never) ?? new Uint8Array()
    await expect(provider.open(notice, { decryptWith: [added], verifyWith: [] })).rejects.toMatchObject({
      code: "CANNOT_DECRYPT",
    })
    expect(events.at(-1)).toMatchObject({ kind: "key-quarantined", owner: juliet.jid, fingerprint: print })

    list(world, juliet, [added.certificate])
    await bot.bot.send(juliet.jid, "second")
    expect(await juliet.hear(botJid, bot.certificate)).toMatchObject({ body: "second" })
    const audited = await Array.fromAsync(bot.storage.audit.read({ account: botJid, subject: juliet.jid }))
    expect(audited.filter(({ kind }) => kind === "key-quarantined")).toHaveLength(1)
    // Approved by hand it is used like the first.
    await bot.bot.trust(juliet.jid, print, "verified")
    await bot.bot.send(juliet.jid, "third")
    await eventually(() => expect(world.sent.filter(({ name }) => name === "message")).toHaveLength(4))
    const third = openpgpBytesOf(world.sent.at(-1) as never) ?? new Uint8Array()
    expect(await provider.open(third, { decryptWith: [added], verifyWith: [] })).toMatchObject({ encrypted: true })
    await bot.stop()
  })
})

describe("XEP-0434, XEP-0450: trust messages in the bot", () => {
  /** Juliet with two keys, of which the bot's operator verified the first. */
  async function setUp(trustMessages: boolean) {
    const world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const { key: second } = await provider.generate({ userId: `xmpp:${juliet.jid}` })
    list(world, juliet, [juliet.key.certificate, second.certificate])
    const bot = await startBot(world, () => {}, { trustMessages })
    await juliet.say(botJid, bot.certificate, "hello")
    /** What was decided of a known key; undefined: it is not known. */
    const level = async (print: Fingerprint) => {
      const known = await Array.fromAsync(bot.storage.keys.keysOf(juliet.jid))
      if (!known.some(({ fingerprint }) => fingerprint === print)) return undefined
      const record = await bot.storage.state.get(`trust/keys/${botJid}/${juliet.jid}`)
      const { keys } = JSON.parse(new TextDecoder().decode(record?.bytes))
      return keys[print]?.approval
    }
    await eventually(async () => expect(await level(second.certificate.fingerprint)).toBe("none"))
    await bot.bot.trust(juliet.jid, juliet.key.certificate.fingerprint, "verified")
    const tell = async (signWith: SecretKey) => {
      const word = { owner: juliet.jid, fingerprint: second.certificate.fingerprint, says: "trust" } as const
      const o = { from: juliet.jid, to: botJid, toKeys: [bot.certificate], signWith, provider, now: new Date() }
      const random = { bytes: (n: number) => crypto.getRandomValues(new Uint8Array(n)) }
      await juliet.client.send(await seal([trustElement([word])], { ...o, random }))
    }
    return { world, juliet, second, bot, level, tell }
  }

  test("R54: from the verified key: the other key is verified as well", async () => {
    const { juliet, second, bot, level, tell } = await setUp(true)
    await tell(juliet.key)
    await eventually(async () => expect(await level(second.certificate.fingerprint)).toBe("verified"))
    await bot.stop()
  })

  test("not without being asked to", async () => {
    const { juliet, second, bot, level, tell } = await setUp(false)
    await tell(juliet.key)
    await juliet.say(botJid, bot.certificate, "later")
    await eventually(async () => {
      const entries = await Array.fromAsync(bot.storage.archive.read({ account: botJid, outcome: "secure" }))
      expect(entries).toHaveLength(3)
    })
    expect(await level(second.certificate.fingerprint)).toBe("none")
    await bot.stop()
  })

  test("a key does not vouch for itself", async () => {
    const { juliet, second, bot, level, tell } = await setUp(true)
    await tell(second)
    await eventually(async () => {
      const entries = await Array.fromAsync(
        bot.storage.archive.read({ account: botJid, peer: juliet.jid, direction: "in" }),
      )
      expect(entries.map(({ verdict }) => verdict?.outcome)).toEqual(["secure", "unverified"])
    })
    expect(await level(second.certificate.fingerprint)).toBe("none")
    await bot.stop()
  })

  test("a decision is told to one's own other clients, sealed and never in plaintext", async () => {
    const { world, juliet, bot } = await setUp(true)
    await eventually(() =>
      expect(
        world.sent.filter(({ attributes }) => attributes.to === botJid && attributes.from?.startsWith(botJid)),
      ).toHaveLength(1),
    )
    expect(world.wire()).not.toContain("trust-message")
    expect(juliet.jid).toBe("juliet@example.org")
    await bot.stop()
  })
})
