import { AurochsError, type BareJid, childElement, element, textOf } from "@aurochs/core"
import type { CertificateInfo, SecretKey } from "@aurochs/crypto"
import { type BindingSource, type KeyDirectory, type OtherSource, pepDirectory, revokeKey } from "@aurochs/keys"
import { openpgpBytesOf } from "@aurochs/message"
import { namespaces, pubkey, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import { afterEach, describe, expect, test } from "vitest"
import { type Bot, type BotOptions, type Context, createBot, type KeyEvent } from "../src/index.ts"
import { testClock } from "./clock.ts"
import { createPeer, type Peer, provider } from "./peers.ts"
import { botJid, eventually, keepingLogger, lastingStorage, type Running, startBot } from "./setup.ts"
import { createWorld, type World } from "./world.ts"

/** A source as another server would be: what it has, who asked, and what it took. */
interface Place {
  readonly directory: KeyDirectory
  readonly has: Map<BareJid, Uint8Array[]>
  /** Owner, and the fingerprint if one was asked for. */
  readonly asked: string[]
  readonly took: CertificateInfo[]
  isAway: boolean
  /** What it answers to everybody. */
  refuses?: Error
}

function place(name: string, o: { proves?: BindingSource; upload?: boolean } = {}): Place {
  const made: Place = {
    has: new Map(),
    asked: [],
    took: [],
    isAway: false,
    directory: {
      name,
      place: `https://${name}.example/`,
      proves: o.proves,
      notice: `${name}: learns whom you look up.`,
      async *lookup({ owner, fingerprint }) {
        made.asked.push(fingerprint === undefined ? owner : `${owner} ${fingerprint}`)
        if (made.isAway) throw new AurochsError("NETWORK", "no connection", { phase: "connect" })
        if (made.refuses !== undefined) throw made.refuses
        for (const bytes of made.has.get(owner) ?? []) {
          const info = await provider.inspect(bytes)
          if (fingerprint === undefined || info.fingerprint === fingerprint)
            yield { bytes, source: name, binds: o.proves ?? "nothing" }
        }
      },
      ...(o.upload
        ? {
            async publish(certificate: CertificateInfo) {
              if (made.isAway) throw new AurochsError("HTTP", "busy", { status: 503 })
              made.took.push(certificate)
            },
          }
        : {}),
    },
  }
  return made
}

let world: World
let bot: Running | undefined
afterEach(async () => {
  await bot?.stop()
  bot = undefined
})

async function setUp(sources: readonly OtherSource[], o: { announced?: boolean; options?: Partial<BotOptions> } = {}) {
  world = createWorld()
  const juliet = await createPeer(world, "juliet", { announced: o.announced ?? true })
  const events: KeyEvent[] = []
  const running = await startBot(world, (made) => made.onKeys((event) => events.push(event)), { sources, ...o.options })
  bot = running
  const sent = () => world.sent.filter(({ attributes }) => attributes.from?.startsWith(botJid))
  return { juliet, events, sent, bot: running }
}

const opens = async (peer: Peer, stanza: ReturnType<typeof world.sent.at>) => {
  const bytes = (stanza && openpgpBytesOf(stanza)) ?? new Uint8Array()
  const opened = await provider.open(bytes, { decryptWith: [peer.key], verifyWith: [] })
  return new TextDecoder().decode(opened.plaintext)
}

const revokedCopy = async (key: SecretKey, reason: "superseded" | "compromised" = "compromised") =>
  (await provider.lifecycle?.revoke(key, { now: new Date(), reason }))?.bytes ?? new Uint8Array()

describe("what is switched on", () => {
  test("is said when the bot starts, each source with what it may do; without any nothing is said", async () => {
    const [wkd, hkp] = [place("wkd", { proves: "https-domain" }), place("hkp", { upload: true })]
    const { bot } = await setUp([{ directory: wkd.directory, mayBind: true }, { directory: hkp.directory }])
    const said = bot.log.lines.filter(({ level, fields }) => level === "warn" && fields?.notice !== undefined)
    expect(said.map(({ fields }) => fields)).toEqual([
      { source: "wkd", mayBind: true, uploads: false, notice: "wkd: learns whom you look up." },
      { source: "hkp", mayBind: false, uploads: true, notice: "hkp: learns whom you look up." },
    ])
    await bot.stop()
    const quiet = await setUp([])
    expect(quiet.bot.log.lines.filter(({ level }) => level === "warn")).toEqual([])
  })

  test("A5: a source that proves nothing cannot be let bind a key", () => {
    const sources = [{ directory: place("hkp").directory, mayBind: true }]
    const make = () =>
      createBot({ transport: createWorld().connect(botJid), provider, storage: lastingStorage(), sources })
    expect(make).toThrow(expect.objectContaining({ code: "CONFIGURATION", details: { field: "sources" } }))
  })
})

describe("a source that may bind", () => {
  test("gives the key of somebody who announces none; without that word the message waits, and nobody is asked", async () => {
    for (const mayBind of [true, false]) {
      const wkd = place("wkd", { proves: "https-domain" })
      const { juliet, sent, bot } = await setUp([{ directory: wkd.directory, mayBind }], { announced: false })
      wkd.has.set(juliet.jid, [juliet.key.certificate.bytes])
      await bot.bot.send(juliet.jid, "wherefore art")
      if (mayBind) {
        await eventually(() => expect(sent()).toHaveLength(1))
        expect(await opens(juliet, sent()[0])).toContain("wherefore art")
      } else {
        await eventually(async () => {
          const entries = await Array.fromAsync(bot.storage.outbox.list(botJid))
          expect(entries).toMatchObject([{ because: expect.stringContaining("no usable key") }])
        })
        expect([sent(), wkd.asked]).toEqual([[], []])
      }
      await bot.stop()
    }
    bot = undefined
  })

  test("is not asked about somebody who announces a key, and overruled when somebody begins to (A5)", async () => {
    const wkd = place("wkd", { proves: "https-domain" })
    const clock = testClock()
    const at = { announced: false, options: { clock } }
    const { juliet, sent, bot } = await setUp([{ directory: wkd.directory, mayBind: true }], at)
    const other = await createPeer(createWorld(), "juliet")
    wkd.has.set(juliet.jid, [other.key.certificate.bytes])
    await bot.bot.send(juliet.jid, "to the other")
    await eventually(() => expect(sent()).toHaveLength(1))
    expect(await opens(other, sent()[0])).toContain("to the other")
    juliet.announce()
    await eventually(async () =>
      expect((await Array.fromAsync(bot.storage.keys.keysOf(juliet.jid))).map(({ binds }) => binds)).toContain(
        "account",
      ),
    )
    await bot.bot.send(juliet.jid, "to her")
    await eventually(() => expect(sent()).toHaveLength(2))
    expect(await opens(juliet, sent()[1])).toContain("to her")
    await expect(opens(other, sent()[1])).rejects.toMatchObject({ code: "CANNOT_DECRYPT" })
    wkd.asked.length = 0
    await clock.advance(25 * 3_600_000)
    await bot.bot.send(juliet.jid, "later")
    await eventually(() => expect(sent()).toHaveLength(3))
    expect(wkd.asked.every((line) => line.includes(" "))).toBe(true)
  })

  test("A6: one that cannot be asked may have a key: nothing leaves in plaintext", async () => {
    const wkd = place("wkd", { proves: "https-domain" })
    wkd.isAway = true
    const options = { encryption: "opportunistic" } as const
    const { juliet, sent, bot } = await setUp([{ directory: wkd.directory, mayBind: true }], {
      announced: false,
      options,
    })
    await bot.bot.send(juliet.jid, "thou")
    await eventually(async () => {
      const entries = await Array.fromAsync(bot.storage.outbox.list(botJid))
      expect(entries).toMatchObject([{ state: "waiting", because: expect.stringContaining("no usable key") }])
    })
    expect(sent()).toEqual([])
    expect(wkd.asked.length).toBeGreaterThan(0)
    await bot.stop()
    // Where all answer that they have none, it leaves, as somebody wanted.
    const empty = place("wkd", { proves: "https-domain" })
    const again = await setUp([{ directory: empty.directory, mayBind: true }], { announced: false, options })
    await again.bot.bot.send(again.juliet.jid, "thou")
    await eventually(() => expect(again.sent()).toHaveLength(1))
    const body = childElement(
      again.sent()[0] ?? { name: "", namespace: "", attributes: {}, children: [] },
      "body",
      namespaces.client,
    )
    expect(body && textOf(body)).toBe("thou")
  })
})

describe("a source that refreshes", () => {
  test("A21: brings the revocation that the account's list does not have, as an event; and no new key (A5)", async () => {
    const hkp = place("hkp")
    const { juliet, events, sent, bot } = await setUp([{ directory: hkp.directory }])
    const forged = await createPeer(createWorld(), "juliet")
    hkp.has.set(juliet.jid, [await revokedCopy(juliet.key), forged.key.certificate.bytes])
    await juliet.say(botJid, bot.certificate, "hello")
    await eventually(() => expect(events.map(({ kind }) => kind)).toContain("key-revoked"))
    await bot.bot.send(juliet.jid, "never")
    await eventually(async () => {
      const entries = await Array.fromAsync(bot.storage.outbox.list(botJid))
      expect(entries).toMatchObject([{ because: expect.stringContaining("revoked") }])
    })
    expect(sent()).toEqual([])
    expect(hkp.asked.every((line) => line === `${juliet.jid} ${juliet.key.certificate.fingerprint}`)).toBe(true)
    expect(await Array.fromAsync(bot.storage.keys.keysOf(juliet.jid))).toHaveLength(1)
  })

  test("one that is away holds nothing back, is told, and is left alone for ten minutes; an owner is asked about as often", async () => {
    const [hkp, vks] = [place("hkp"), place("vks")]
    hkp.isAway = true
    const clock = testClock()
    const sources = [{ directory: hkp.directory }, { directory: vks.directory }]
    const { juliet, sent, bot } = await setUp(sources, { options: { clock } })
    await bot.bot.send(juliet.jid, "one")
    await eventually(() => expect(sent()).toHaveLength(1))
    expect(bot.log.lines).toContainEqual(
      expect.objectContaining({ level: "warn", message: "a source of keys could not be asked" }),
    )
    for (let i = 0; i < 3; i++) {
      await clock.advance(60_000)
      juliet.announce()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect([hkp.asked.length, vks.asked.length]).toEqual([1, 1])
    hkp.isAway = false
    await clock.advance(600_000)
    juliet.announce()
    await eventually(() => expect([hkp.asked.length, vks.asked.length]).toEqual([2, 2]))
  })

  test("one that says when to come again is left alone until then", async () => {
    const hkp = place("hkp")
    hkp.refuses = new AurochsError("HTTP", "too many", { status: 429, retryAfterMs: 3_600_000 })
    const clock = testClock()
    const { juliet, sent, bot } = await setUp([{ directory: hkp.directory }], { options: { clock } })
    await bot.bot.send(juliet.jid, "one")
    await eventually(() => expect(sent()).toHaveLength(1))
    await clock.advance(1_800_000)
    juliet.announce()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(hkp.asked).toHaveLength(1)
    await clock.advance(1_900_000)
    juliet.announce()
    await eventually(() => expect(hkp.asked).toHaveLength(2))
  })
})

describe("a reading that is begun", () => {
  test("A21: what the list brought is told although another source fails after it", async () => {
    const hkp = place("hkp")
    const clock = testClock()
    const { juliet, events, sent, bot } = await setUp([{ directory: hkp.directory }], { options: { clock } })
    await bot.bot.send(juliet.jid, "one")
    await eventually(() => expect(events.map(({ kind }) => kind)).toEqual(["key-new"]))
    await eventually(() => expect(sent()).toHaveLength(1))
    hkp.refuses = new AurochsError("STORAGE", "its cache is away", { operation: "cache.get" })
    // Other sources are asked every ten minutes.
    await clock.advance(600_000)
    const { pep } = world.account(juliet.jid)
    const { fingerprint } = juliet.key.certificate
    pep.put(publicKeyNode(fingerprint), pubkey.write(await revokedCopy(juliet.key)))
    pep.put(publicKeysNode, publicKeysList.write([{ fingerprint, date: clock.now() }]))
    await eventually(() => expect(events.map(({ kind }) => kind)).toContain("key-revoked"))
    expect(hkp.asked.length).toBeGreaterThan(1)
  })

  test("goes on when nobody waits for it any more: its events are told, and the message is opened", async () => {
    const clock = testClock()
    const asked = Promise.withResolvers<void>()
    const silent: KeyDirectory = {
      name: "silent",
      // It never answers.
      async *lookup(_, options) {
        asked.resolve()
        await clock.sleep(1_000_000_000, options)
        yield { missing: "", because: "" }
      },
    }
    world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const [events, heard]: [KeyEvent[], string[]] = [[], []]
    const sources = [{ directory: silent }]
    const prepare = (made: Bot<Context>) =>
      made.onKeys((event) => events.push(event)).text((ctx) => void heard.push(ctx.message.body))
    bot = await startBot(world, prepare, { sources, clock })
    await juliet.say(botJid, bot.certificate, "hello")
    await asked.promise
    // Longer than a message waits for keys.
    await clock.advance(20_000)
    await eventually(() => expect(events.map(({ kind }) => kind)).toEqual(["key-new"]))
    await eventually(() => expect(heard).toEqual(["hello"]))
  })

  test("A21: a contact the bot only hears from is read again once a day: their revocation arrives", async () => {
    const clock = testClock()
    const { juliet, events, sent, bot } = await setUp([], { options: { clock } })
    const { fingerprint } = juliet.key.certificate
    const say = (text: string) => juliet.say(botJid, bot.certificate, text, { now: clock.now() })
    const verdicts = async () =>
      (await Array.fromAsync(bot.storage.archive.read({ account: botJid }))).map(({ verdict }) => verdict?.outcome)
    await say("one")
    await eventually(async () => expect(await verdicts()).toEqual(["secure"]))
    // Nobody is told of it: the server lost the subscription.
    const node = world.account(juliet.jid).pep.nodes.get(publicKeyNode(fingerprint))
    if (node === undefined) throw new Error("not announced")
    const revoked = pubkey.write(await revokedCopy(juliet.key))
    node.item = element("item", namespaces.pubsub, { id: "1" }, [revoked])
    await say("two")
    await eventually(async () => expect(await verdicts()).toEqual(["secure", "secure"]))
    expect(events.map(({ kind }) => kind)).toEqual(["key-new"])
    await clock.advance(25 * 3_600_000)
    await say("three")
    await eventually(() => expect(events.map(({ kind }) => kind)).toContain("key-revoked"))
    await say("four")
    await eventually(async () => expect((await verdicts())[3]).toMatch(/rejected|unverified/))
    expect(sent()).toEqual([])
    const asked = () =>
      world.requests.filter(({ to, request }) => to === juliet.jid && JSON.stringify(request).includes(publicKeysNode))
    const before = asked().length
    // Where it cannot be read, or brings nothing, the next one asks no sooner.
    await say("five")
    await eventually(async () => expect(await verdicts()).toHaveLength(5))
    expect(asked().length - before).toBeLessThanOrEqual(1)
  })
})

describe("a key server that takes uploads", () => {
  test("A21: gets the bot's own key, each new one, and at last what it missed while it was away: a revocation, too", async () => {
    const hkp = place("hkp", { upload: true })
    const clock = testClock()
    const storage = lastingStorage()
    const first = await setUp([{ directory: hkp.directory }], { options: { storage, clock, dispose: false } })
    const own = first.bot.certificate.fingerprint
    await eventually(() => expect(hkp.took.map(({ fingerprint }) => fingerprint)).toEqual([own]))
    hkp.isAway = true
    const { to } = await first.bot.bot.rotateKey()
    await first.bot.stop()
    const { secrets, state, audit } = storage
    const directory = pepDirectory({ transport: world.connect(botJid), provider, clock })
    const life = { account: botJid, provider, secrets, state, audit, clock, directory, alsoTo: [hkp.directory] }
    const revoked = await revokeKey({ ...life, fingerprint: own, reason: "superseded" })
    expect(revoked.published).toEqual([{ source: "pep" }, { source: "hkp", failed: "HTTP" }])
    expect(hkp.took).toHaveLength(1)
    // Started again: nothing is sent twice, and what it missed is sent.
    hkp.isAway = false
    const log = keepingLogger()
    const stopping = new AbortController()
    const transport = world.connect(botJid)
    const options = {
      transport,
      provider,
      storage,
      clock,
      log,
      dispose: false,
      sources: [{ directory: hkp.directory }],
    }
    const again = createBot(options)
    const running = again.run({ signal: stopping.signal })
    await eventually(() => expect(hkp.took.map(({ fingerprint }) => fingerprint)).toEqual([own, own, to]))
    expect(hkp.took.map(({ revokedAt }) => revokedAt !== undefined)).toEqual([false, true, false])
    await clock.advance(3_600_000)
    await clock.advance(3_600_000)
    expect(hkp.took).toHaveLength(3)
    stopping.abort()
    await running
    bot = undefined
  })
})
