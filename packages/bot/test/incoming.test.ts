import { aborted, element, type KnownKey, type XmlElement } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import type { Incoming } from "@aurochs/message"
import type { ArchiveEntry } from "@aurochs/storage"
import { namespaces, openpgpElement } from "@aurochs/xml"
import { afterEach, describe, expect, test } from "vitest"
import type { Bot, BotOptions, Context } from "../src/index.ts"
import { testClock } from "./clock.ts"
import { createPeer, type Peer, provider } from "./peers.ts"
import { botJid, eventually, lastingStorage, type Running, startBot } from "./setup.ts"
import { createWorld, type World } from "./world.ts"

let world: World
let bot: Running | undefined
let heard: string[]
let observed: Incoming[]

async function setUp(options: Partial<BotOptions> = {}, announced = true) {
  world = createWorld()
  heard = []
  observed = []
  const juliet = await createPeer(world, "juliet", { announced })
  const prepare = (bot: Bot<Context>) => {
    bot.text((ctx) => {
      heard.push(ctx.message.body)
      return ctx.reply(`you said ${ctx.message.body}`)
    })
    for (const kind of ["secure", "unverified", "rejected", "plaintext"] as const) {
      bot.observe(kind, (ctx) => void observed.push(ctx.message))
    }
  }
  bot = await startBot(world, prepare, options)
  return { juliet, bot }
}

afterEach(async () => {
  await bot?.stop()
  bot = undefined
})

function archived({ storage }: Running, direction: "in" | "out" = "in"): Promise<ArchiveEntry[]> {
  return Array.fromAsync(storage.archive.read({ account: botJid, direction }))
}

const verdictsOf = (entries: readonly ArchiveEntry[]) =>
  entries.map(({ verdict }) => [verdict?.outcome, verdict?.reason].filter((one) => one !== undefined).join(" "))

/** Stanzas that left the bot, key traffic aside. */
const fromBot = () => world.sent.filter(({ attributes }) => attributes.from?.startsWith(botJid))

/** Waits until the bot has dealt with everything that arrived. */
async function quiet(running: Running, count: number) {
  await eventually(async () => {
    const entries = await archived(running)
    expect(entries).toHaveLength(count)
    expect(entries.every(({ handled, verdict }) => handled && verdict !== undefined)).toBe(true)
  })
  await eventually(async () => {
    const { waiting } = await running.bot.status()
    expect(waiting).toBe(0)
  })
}

function changed(stanza: XmlElement, attributes: Record<string, string>): XmlElement {
  return { ...stanza, attributes: { ...stanza.attributes, ...attributes } }
}

/** One byte of the OpenPGP message flipped. */
function flipped(stanza: XmlElement): XmlElement {
  return {
    ...stanza,
    children: stanza.children.map((child) => {
      if (typeof child === "string" || child.name !== "openpgp") return child
      const bytes = openpgpElement.read(child)
      bytes[bytes.length - 30] = (bytes[bytes.length - 30] ?? 0) ^ 1
      return openpgpElement.write(bytes)
    }),
  }
}

describe("A30: nothing that fails is answered", () => {
  test("whatever the reason, the sender sees the same: nothing", async () => {
    const { juliet, bot } = await setUp()
    const mallory = await createPeer(world, "mallory")
    const to = bot.certificate
    const good = await juliet.sealed(botJid, to, "good")
    const bad: XmlElement[] = [
      flipped(good),
      changed(await juliet.sealed(botJid, to, "from another"), { from: mallory.jid }),
      await juliet.sealed(juliet.jid, to, "to another"),
      await juliet.sealed(botJid, juliet.key.certificate, "not for the bot"),
      { ...good, children: [...good.children, ...good.children.slice(-1)] },
      {
        ...good,
        children: [{ name: "body", namespace: "jabber:client", attributes: {}, children: ["in the clear"] }],
      },
    ]
    for (const [at, stanza] of bad.entries()) {
      world.account(botJid).deliver(changed(stanza, { id: `bad-${at}`, to: botJid }))
    }
    await quiet(bot, bad.length)
    expect(heard).toEqual([])
    expect(fromBot()).toEqual([])
    expect(observed.map(({ kind }) => kind).sort()).toEqual([
      "plaintext",
      "rejected",
      "rejected",
      "rejected",
      "rejected",
      expect.stringMatching(/rejected|unverified/),
    ])
  })

  test("A32, §3.1: what observers of the unverified see has no text", async () => {
    const { juliet, bot } = await setUp({}, false)
    await juliet.say(botJid, bot.certificate, "wherefore")
    await quiet(bot, 1)
    expect(observed).toMatchObject([{ kind: "unverified", reason: "unknown-key" }])
    expect(JSON.stringify(observed)).not.toContain("wherefore")
    expect(JSON.stringify(bot.log.lines)).not.toContain("wherefore")
  })
})

describe("A31: what strangers can write into the log", () => {
  test("of many messages that are not secure ten a minute are warnings, then their number; others have their own ten", async () => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ clock })
    await juliet.say(botJid, bot.certificate, "good")
    await quiet(bot, 1)
    const plain = (name: string, id: string) =>
      element("message", namespaces.client, { from: `${name}@example.org`, to: botJid, id, type: "chat" }, [
        element("body", namespaces.client, {}, ["in the clear"]),
      ])
    for (let i = 0; i < 40; i++) world.account(botJid).deliver(plain("mallory", `m${i}`))
    await quiet(bot, 41)
    world.account(botJid).deliver(plain("juliet", "j"))
    await quiet(bot, 42)
    const warned = () => bot.log.lines.filter(({ level }) => level === "warn")
    const of = (peer: string) => warned().filter(({ fields }) => fields?.peer === `${peer}@example.org`)
    expect([of("mallory").length, of("juliet").length]).toEqual([10, 1])
    await clock.advance(60_000)
    await eventually(() => expect(warned().map(({ fields }) => fields?.more)).toContain(30))
  })
})

test("A31: refused replies, too, are ten lines a minute, then their number", async () => {
  const clock = testClock()
  const { juliet, bot } = await setUp({ clock, maxRepliesPerMinute: 1 })
  for (let i = 0; i < 20; i++) await juliet.say(botJid, bot.certificate, `storm ${i}`)
  await quiet(bot, 20)
  const warned = () => bot.log.lines.filter(({ level }) => level === "warn")
  expect(warned().filter(({ message }) => message === "reply refused")).toHaveLength(10)
  await clock.advance(60_000)
  await eventually(() =>
    expect(warned()).toContainEqual({ level: "warn", message: "more refusals", fields: { more: 9 } }),
  )
})

test("A31: refused commands are ten rows of the audit log a minute, then one with their number, at the stop, too", async () => {
  const clock = testClock()
  const storage = lastingStorage()
  world = createWorld()
  const juliet = await createPeer(world, "juliet")
  const prepare = (bot: Bot<Context>) => bot.command("halt", { allow: { level: "verified" } }, () => {})
  bot = await startBot(world, prepare, { clock, storage, dispose: false })
  const rows = async (kind: string) =>
    (await Array.fromAsync(storage.audit.read({ account: botJid }))).filter((row) => row.kind === kind)
  const storm = async (count: number) => {
    for (let i = 0; i < 25; i++) await juliet.say(botJid, (bot as Running).certificate, `!halt ${i}`)
    await quiet(bot as Running, count)
  }
  await storm(25)
  expect(await rows("command-refused")).toHaveLength(10)
  expect(await rows("commands-refused")).toEqual([])
  await clock.advance(60_000)
  await eventually(async () => expect(await rows("commands-refused")).toMatchObject([{ detail: { more: "15" } }]))
  await storm(50)
  await bot.stop()
  bot = undefined
  expect(await rows("command-refused")).toHaveLength(20)
  expect(await rows("commands-refused")).toMatchObject([{ detail: { more: "15" } }, { detail: { more: "15" } }])
})

test("what somebody else gave up while a message was opened is tried again, not left for the next start", async () => {
  const clock = testClock()
  let givenUp = 0
  const engine: CryptoProvider = {
    ...provider,
    open(bytes, options) {
      if (givenUp === 2) return provider.open(bytes, options)
      givenUp += 1
      return Promise.reject(aborted())
    },
  }
  const { juliet, bot } = await setUp({ clock, provider: engine })
  await juliet.say(botJid, bot.certificate, "hello")
  await eventually(() => expect(givenUp).toBe(1))
  await eventually(async () => {
    await clock.advance(1_000)
    expect(heard).toEqual(["hello"])
  })
  expect(bot.log.lines.filter(({ message }) => message === "message left for the next start")).toEqual([])
})

describe("copies and replays", () => {
  test("A2: the same stanza again, live or from the archive, is one message", async () => {
    const { juliet, bot } = await setUp()
    const stanza = changed(await juliet.sealed(botJid, bot.certificate, "once"), { from: juliet.client.account })
    const account = world.account(botJid)
    account.deliver(stanza)
    account.deliver(changed(stanza, { from: `${juliet.jid}/phone` }), "carbon-received")
    account.deliver(stanza, "mam", new Date())
    account.deliver(stanza)
    await quiet(bot, 1)
    await juliet.hear(botJid, bot.certificate)
    account.deliver(stanza)
    await juliet.say(botJid, bot.certificate, "last")
    await quiet(bot, 2)
    expect(heard).toEqual(["once", "last"])
    expect(fromBot()).toHaveLength(2)
  })

  test("A2: the same sealed text in another stanza is rejected: replay", async () => {
    const { juliet, bot } = await setUp()
    const stanza = changed(await juliet.sealed(botJid, bot.certificate, "!transfer 100"), { from: juliet.jid })
    const account = world.account(botJid)
    account.deliver(stanza)
    await quiet(bot, 1)
    account.deliver(changed(stanza, { id: "another" }))
    await quiet(bot, 2)
    expect(heard).toEqual(["!transfer 100"])
    expect(verdictsOf(await archived(bot))).toEqual(["secure", "rejected replay"])
    expect(fromBot()).toHaveLength(1)
  })

  test("A1: who sends somebody else's ciphertext first does not take away the real message", async () => {
    const { juliet, bot } = await setUp()
    const stanza = changed(await juliet.sealed(botJid, bot.certificate, "real"), { from: juliet.jid })
    const account = world.account(botJid)
    account.deliver(changed(stanza, { from: "mallory@example.org" }))
    await quiet(bot, 1)
    expect(heard).toEqual([])
    account.deliver(stanza)
    await quiet(bot, 2)
    account.deliver(stanza, "mam", new Date())
    await juliet.say(botJid, bot.certificate, "last")
    await quiet(bot, 3)
    expect(heard).toEqual(["real", "last"])
  })

  test("a plaintext message that comes live and from the archive is observed once", async () => {
    const { bot } = await setUp()
    const body = { name: "body", namespace: "jabber:client", attributes: {}, children: ["hello"] }
    const stanza: XmlElement = {
      name: "message",
      namespace: "jabber:client",
      attributes: { from: "romeo@example.org/x", to: botJid, id: "p1", type: "chat" },
      children: [body],
    }
    const stamp = {
      name: "delay",
      namespace: "urn:xmpp:delay",
      attributes: { stamp: "2026-01-01T00:00:00Z" },
      children: [],
    }
    world.account(botJid).deliver(stanza)
    await quiet(bot, 1)
    world.account(botJid).deliver({ ...stanza, children: [body, stamp] }, "mam", new Date())
    world.account(botJid).deliver(changed(stanza, { id: "p2" }))
    await quiet(bot, 2)
    expect(observed).toHaveLength(2)
  })
})

describe("what other clients of the account do", () => {
  test("A31: own carbons are archived and observed, never handed to handlers, never answered", async () => {
    const { juliet, bot } = await setUp()
    const [secret] = await bot.storage.secrets.load(botJid)
    const [key] = await provider.importSecret(secret ?? new Uint8Array())
    if (key === undefined) throw new Error("the bot has no key")
    const other: Peer = { ...juliet, jid: botJid, key }
    const { seal, textBody } = await import("@aurochs/message")
    const { cryptoRandom } = await import("@aurochs/core")
    const copy = await seal([textBody("!go from my phone")], {
      from: botJid,
      to: juliet.jid,
      toKeys: [juliet.key.certificate],
      signWith: other.key,
      provider,
      now: new Date(),
      random: cryptoRandom(),
    })
    world.account(botJid).deliver(changed(copy, { from: `${botJid}/phone` }), "carbon-sent")
    await eventually(async () => expect(verdictsOf(await archived(bot, "out"))).toEqual(["secure"]))
    await eventually(() => expect(observed).toMatchObject([{ kind: "secure", direction: "out", peer: juliet.jid }]))
    expect(heard).toEqual([])
    expect(fromBot()).toEqual([])
  })

  test("A31: the bot's own messages from the archive change nothing", async () => {
    const { juliet, bot } = await setUp()
    await bot.bot.send(juliet.jid, "hello")
    await juliet.hear(botJid, bot.certificate)
    await eventually(async () => expect(await archived(bot, "out")).toHaveLength(1))
    const [sent] = fromBot()
    if (sent === undefined) throw new Error("nothing was sent")
    world.account(botJid).deliver(sent, "mam", new Date())
    await juliet.say(botJid, bot.certificate, "last")
    await quiet(bot, 1)
    expect(await archived(bot, "out")).toHaveLength(2)
    expect(heard).toEqual(["last"])
  })

  test("A31: a storm is answered so often, and no more", async () => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ maxRepliesPerMinute: 3, clock })
    for (let n = 0; n < 5; n++) await juliet.say(botJid, bot.certificate, `storm ${n}`)
    await quiet(bot, 5)
    expect(heard).toHaveLength(5)
    expect(fromBot()).toHaveLength(3)
    await clock.advance(61_000)
    await juliet.say(botJid, bot.certificate, "later")
    await quiet(bot, 6)
    expect(fromBot()).toHaveLength(4)
  })
})

describe("keys that are not there", () => {
  test("R18: an unknown signer's keys are read exactly once, and the message is opened again", async () => {
    const { juliet, bot } = await setUp()
    await juliet.say(botJid, bot.certificate, "hello")
    await quiet(bot, 1)
    expect(heard).toEqual(["hello"])
    const lists = world.requests.filter(({ from, to, request }) => {
      return from === botJid && to === juliet.jid && /"items".*public-keys"/.test(JSON.stringify(request))
    })
    expect(lists).toHaveLength(1)
  })

  test("R18: without keys it is read once for each message, and not for each of a flood", async () => {
    const { juliet, bot } = await setUp({}, false)
    for (let n = 0; n < 5; n++) await juliet.say(botJid, bot.certificate, `flood ${n}`)
    await quiet(bot, 5)
    expect(world.requests.filter(({ from, to }) => from === botJid && to === juliet.jid)).toHaveLength(1)
  })

  test("R18: a lookup without an answer ends after 20 seconds, and its lane goes on", async () => {
    const clock = testClock()
    world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const client = world.connect(botJid)
    let asked = 0
    const request: typeof client.request = async (iq, options) => {
      if (iq.attributes.to !== juliet.jid) return client.request(iq, options)
      asked += 1
      return new Promise((_, reject) => {
        options?.signal?.addEventListener("abort", () => reject(aborted(options.signal)), { once: true })
      })
    }
    bot = await startBot(world, () => {}, { clock, transport: { ...client, request } })
    const running = bot
    await juliet.say(botJid, running.certificate, "hello")
    await eventually(() => expect(asked).toBe(1))
    await clock.advance(19_000)
    expect(verdictsOf(await archived(running))).toEqual([""])
    await clock.advance(2_000)
    await quiet(running, 1)
    expect(verdictsOf(await archived(running))).toEqual(["unverified unknown-key"])
  })

  test("R18: a key that is announced just after the list was read is found without news and without another message", async () => {
    const clock = testClock()
    world = createWorld()
    const juliet = await createPeer(world, "juliet", { announced: false })
    const client = world.connect(botJid)
    // No contact of ours: nobody tells us of changes.
    const events: typeof client.events = async function* (node, options) {
      for await (const event of client.events(node, options)) if (event.from !== juliet.jid) yield event
    }
    const running = await startBot(world, () => {}, { clock, transport: { ...client, events } })
    bot = running
    await juliet.say(botJid, running.certificate, "before")
    await quiet(running, 1)
    juliet.announce()
    await juliet.say(botJid, running.certificate, "the last one")
    await quiet(running, 2)
    expect(verdictsOf(await archived(running))).toEqual(["unverified unknown-key", "unverified unknown-key"])
    await clock.advance(11_000)
    await eventually(async () => expect(verdictsOf(await archived(running))).toEqual(["secure", "secure"]))
  })

  test("what could not be verified is opened again when the key arrives, and only then reaches the handlers", async () => {
    const { juliet, bot } = await setUp({}, false)
    await juliet.say(botJid, bot.certificate, "too early")
    await quiet(bot, 1)
    expect(verdictsOf(await archived(bot))).toEqual(["unverified unknown-key"])
    expect([heard, fromBot()]).toEqual([[], []])
    juliet.announce()
    expect(await juliet.hear(botJid, bot.certificate)).toMatchObject({ kind: "secure", body: "you said too early" })
    await eventually(async () => expect(verdictsOf(await archived(bot))).toEqual(["secure"]))
    juliet.announce()
    await juliet.say(botJid, bot.certificate, "again")
    await quiet(bot, 2)
    expect(heard).toEqual(["too early", "again"])
  })

  test("R15, R18: an engine that cannot tell a forgery from an unknown key: unverified, or rejected; opened again when the key arrives", async () => {
    const vague: CryptoProvider = {
      ...provider,
      verdicts: "valid-only",
      async open(message, options) {
        const opened = await provider.open(message, options)
        const signatures = opened.signatures.map((one) =>
          one.kind === "valid" ? one : ({ kind: "unverified", reason: "undetermined" } as const),
        )
        return { ...opened, signatures }
      },
    }
    const clock = testClock()
    const { juliet, bot } = await setUp({ provider: vague, clock }, false)
    await juliet.say(botJid, bot.certificate, "too early")
    await quiet(bot, 1)
    expect(verdictsOf(await archived(bot))).toEqual(["unverified undetermined"])
    juliet.announce()
    await eventually(async () => expect(verdictsOf(await archived(bot))).toEqual(["secure"]))
    const another = await createPeer(world, "juliet", { announced: false })
    await another.say(botJid, bot.certificate, "with a new key")
    await quiet(bot, 2)
    expect(verdictsOf(await archived(bot))).toEqual(["secure", "rejected signature"])
    expect(heard).toEqual(["too early"])
    another.announce()
    // News of one owner are not followed more often than this.
    await clock.advance(11_000)
    await eventually(async () => expect(verdictsOf(await archived(bot))).toEqual(["secure", "secure"]))
    expect(heard).toEqual(["too early", "with a new key"])
  })

  test("A22: what is dated in the future is kept, and opened again once the clock allows", async () => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ clock })
    await juliet.say(botJid, bot.certificate, "tomorrow", { now: new Date(Date.now() + 15 * 60_000) })
    await quiet(bot, 1)
    expect(verdictsOf(await archived(bot))).toEqual(["rejected time"])
    await clock.advance(16 * 60_000)
    await eventually(() => expect(heard).toEqual(["tomorrow"]))
  })

  test("A5: an approved key quarantines those the server adds later", async () => {
    const { juliet, bot } = await setUp()
    await juliet.say(botJid, bot.certificate, "first")
    await quiet(bot, 1)
    const [known] = await Array.fromAsync(bot.storage.keys.keysOf(juliet.jid))
    await bot.bot.trust(juliet.jid, (known as KnownKey).fingerprint, "verified")
    const forged = await createPeer(world, "juliet")
    await forged.say(botJid, bot.certificate, "I am juliet, too")
    await quiet(bot, 2)
    expect(verdictsOf(await archived(bot))).toEqual(["secure", "unverified untrusted-key"])
    expect(heard).toEqual(["first"])
  })
})

describe("strangers", () => {
  test("who only announces keys makes the bot read and store nothing; a contact's are read every 10 seconds at most", async () => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ clock })
    await juliet.say(botJid, bot.certificate, "hello")
    await quiet(bot, 1)
    const asked = (owner: Peer) => {
      const lists = world.requests.filter(({ from, to, request }) => {
        return from === botJid && to === owner.jid && /"items".*public-keys"/.test(JSON.stringify(request))
      })
      return lists.length
    }
    const before = asked(juliet)
    const mallory = await createPeer(world, "mallory")
    mallory.announce()
    juliet.announce()
    await eventually(() => expect(asked(juliet)).toBe(before + 1))
    expect(world.requests.filter(({ to }) => to === mallory.jid)).toEqual([])
    expect(await Array.fromAsync(bot.storage.keys.owners())).toEqual([juliet.jid])
    juliet.announce()
    juliet.announce()
    await clock.advance(9_000)
    expect(asked(juliet)).toBe(before + 1)
    await clock.advance(2_000)
    await eventually(() => expect(asked(juliet)).toBe(before + 2))
    await clock.advance(20_000)
    expect(asked(juliet)).toBe(before + 2)
  })

  test("a contact's server that does not answer holds back the others for a minute", async () => {
    const clock = testClock()
    world = createWorld()
    const juliet = await createPeer(world, "juliet", { announced: false })
    const romeo = await createPeer(world, "romeo", { announced: false })
    const client = world.connect(botJid)
    let isSilent = false
    let hung = 0
    const request: typeof client.request = async (iq, options) => {
      if (!isSilent || iq.attributes.to !== juliet.jid) return client.request(iq, options)
      hung += 1
      return new Promise((_, reject) => {
        options?.signal?.addEventListener("abort", () => reject(aborted(options.signal)), { once: true })
      })
    }
    const running = await startBot(world, () => {}, { clock, transport: { ...client, request } })
    bot = running
    for (const peer of [juliet, romeo]) await running.bot.send(peer.jid, "hello")
    await eventually(async () => {
      const entries = await Array.fromAsync(running.storage.outbox.list(botJid))
      expect(entries.map(({ because }) => because?.slice(0, 13))).toEqual(["no usable key", "no usable key"])
    })
    isSilent = true
    juliet.announce()
    await eventually(() => expect(hung).toBe(1))
    romeo.announce()
    await clock.advance(50_000)
    expect(await Array.fromAsync(running.storage.keys.owners())).toEqual([])
    await clock.advance(11_000)
    expect(await romeo.hear(botJid, running.certificate)).toMatchObject({ kind: "secure", body: "hello" })
  })

  test("their failures are bounded: the newest 100 stay, and what is not theirs is untouched", async () => {
    const { juliet, bot } = await setUp()
    await juliet.say(botJid, bot.certificate, "hello")
    await quiet(bot, 1)
    const sample = await juliet.sealed(botJid, bot.certificate, "x")
    for (let n = 0; n < 130; n++) {
      const text = element("openpgp", namespaces.openpgp, {}, [btoa(`not OpenPGP ${n}`)])
      const stanza = { ...sample, children: [...sample.children.slice(0, -1), text] }
      world.account(botJid).deliver(changed(stanza, { from: `stranger${n % 7}@example.net`, id: `s${n}`, to: botJid }))
    }
    world.account(botJid).deliver(changed(flipped(sample), { from: juliet.jid, id: "known", to: botJid }))
    await eventually(() => expect(observed).toHaveLength(132), 15_000)
    await eventually(async () => {
      const entries = await archived(bot)
      expect(entries.filter(({ verdict }) => verdict?.stranger)).toHaveLength(100)
      expect(entries.filter(({ peer }) => peer === juliet.jid)).toHaveLength(2)
    })
    expect(fromBot()).toHaveLength(1)
  }, 30_000)
})

describe("order", () => {
  test("one peer's messages are handled in order, another peer does not wait for them", async () => {
    world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const romeo = await createPeer(world, "romeo")
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const running = await startBot(world, (bot) =>
      bot.text(async (ctx) => {
        order.push(`begin ${ctx.message.body}`)
        if (ctx.message.body === "j1") await gate.promise
        order.push(`end ${ctx.message.body}`)
      }),
    )
    await juliet.say(botJid, running.certificate, "j1")
    await juliet.say(botJid, running.certificate, "j2")
    await romeo.say(botJid, running.certificate, "r1")
    await eventually(() => expect(order).toContain("end r1"))
    expect(order).not.toContain("begin j2")
    gate.resolve()
    await eventually(() => expect(order).toContain("end j2"))
    expect(order.filter((line) => line.includes("j"))).toEqual(["begin j1", "end j1", "begin j2", "end j2"])
    await running.stop()
  })
})
