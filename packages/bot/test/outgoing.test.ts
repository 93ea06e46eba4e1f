import { AurochsError, aborted, childElement, fingerprint, sameBareJid, textOf, type XmlElement } from "@aurochs/core"
import { type KeyDirectory, type Missing, merged, pepDirectory } from "@aurochs/keys"
import { namespaces, publicKeyNode, publicKeysList, publicKeysNode } from "@aurochs/xml"
import { afterEach, describe, expect, test } from "vitest"
import { testClock } from "./clock.ts"
import { createPeer, type Peer, provider } from "./peers.ts"
import { botJid, eventually, lastingStorage, type Running, startBot } from "./setup.ts"
import { createWorld, type World } from "./world.ts"

let world: World
let bot: Running | undefined

/** Whatever happens in a test of this file: no message leaves without encryption, and no text is on the wire. */
const secrets = ["wherefore", "thou", "giant"]
let mayBePlain = false

async function setUp(options: Parameters<typeof startBot>[2] = {}, onlineKey = true) {
  world = createWorld()
  const juliet = await createPeer(world, "juliet", { announced: onlineKey })
  bot = await startBot(world, () => {}, options)
  return { juliet, bot }
}

afterEach(async () => {
  await bot?.stop()
  bot = undefined
  if (!mayBePlain) {
    for (const message of fromBot()) {
      expect(childElement(message, "openpgp", namespaces.openpgp)).toBeDefined()
    }
    for (const secret of secrets) expect(world.wire()).not.toContain(secret)
  }
  mayBePlain = false
})

function fromBot(): XmlElement[] {
  return world.sent.filter(({ name, attributes }) => name === "message" && sameBareJid(attributes.from ?? "", botJid))
}

function entries({ storage }: Running) {
  return Array.fromAsync(storage.outbox.list(botJid, { includeSent: true }))
}

async function heard(juliet: Peer, from: Running, count: number) {
  const bodies: unknown[] = []
  for (let n = 0; n < count; n++) {
    const message = await juliet.hear(botJid, from.certificate)
    bodies.push(message?.kind === "secure" ? message.body : message)
  }
  return bodies
}

describe("keys", () => {
  test("A6: without a key the message waits with its reason, and leaves by itself when the key is announced", async () => {
    const { juliet, bot } = await setUp({}, false)
    await bot.bot.send(juliet.jid, "wherefore art")
    await eventually(async () => {
      expect(await entries(bot)).toMatchObject([{ state: "waiting", because: "no usable key: none is announced" }])
    })
    expect(fromBot()).toEqual([])
    juliet.announce()
    expect(await heard(juliet, bot, 1)).toEqual(["wherefore art"])
    await eventually(async () => expect(await entries(bot)).toMatchObject([{ state: "sent" }]))
  })

  test("back-off: without a key the directory is asked after 1, 2, 4 … minutes", async () => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ clock }, false)
    await bot.bot.send(juliet.jid, "wherefore art")
    const asked = () => world.requests.filter(({ from, to }) => from === botJid && to === juliet.jid).length
    await eventually(() => expect(asked()).toBe(1))
    await eventually(async () => expect((await entries(bot))[0]?.state).toBe("waiting"))
    for (const [minutes, expected] of [
      [0.9, 1],
      [0.2, 2],
      [1.5, 2],
      [0.6, 3],
    ] as const) {
      await clock.advance(minutes * 60_000)
      await eventually(() => expect(asked()).toBe(expected))
      await eventually(async () => expect((await entries(bot))[0]?.state).toBe("waiting"))
    }
  })

  test("I7, I8: a listed key without data delays for up to a minute, then the message goes to the others, with an event", async () => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ clock })
    const absent = fingerprint("AB".repeat(20))
    const list = [{ fingerprint: juliet.key.certificate.fingerprint }, { fingerprint: absent }]
    world.account(juliet.jid).pep.put(publicKeysNode, publicKeysList.write(list))
    await bot.bot.send(juliet.jid, "wherefore art")
    await eventually(async () => {
      expect(await entries(bot)).toMatchObject([{ state: "waiting", because: expect.stringContaining(absent) }])
    })
    await clock.advance(30_000)
    await eventually(async () => expect((await entries(bot))[0]?.attempts).toBeGreaterThan(1))
    expect(fromBot()).toEqual([])
    await clock.advance(31_000)
    await eventually(() => expect(fromBot()).toHaveLength(1))
    const audited = await Array.fromAsync(bot.storage.audit.read({ account: botJid }))
    expect(audited).toContainEqual(
      expect.objectContaining({ kind: "keys-left-out", detail: { keys: `${absent} not-found` } }),
    )
  })

  test("a source besides the account's server is told of at the start; its gaps and failures delay nothing (A5, A6)", async () => {
    world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const more = (name: string, items: readonly Missing[]): KeyDirectory => ({
      name,
      notice: `${name}: hears whom the bot looks up.`,
      async *lookup() {
        yield* items
        if (items.length === 0) throw new AurochsError("HTTP", "busy", { status: 503 })
      },
    })
    const gap = { missing: fingerprint("AB".repeat(20)), because: "too-large", candidate: true } as const
    const pep = pepDirectory({ transport: world.connect(botJid), provider })
    const directory = merged([pep], { optional: [more("hkp", [gap]), more("wkd", [])] })
    bot = await startBot(world, () => {}, { directory })
    const notice = "hkp: hears whom the bot looks up.\nwkd: hears whom the bot looks up."
    expect(bot.log.lines.filter(({ fields }) => fields?.notice === notice)).toHaveLength(1)
    await bot.bot.send(juliet.jid, "wherefore art")
    expect(await heard(juliet, bot, 1)).toEqual(["wherefore art"])
    expect(await entries(bot)).toMatchObject([{ attempts: 1 }])
  })

  test("a list older than 24 hours is read again before sending, a younger one is not", async () => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ clock })
    const asked = () =>
      world.requests.filter(({ from, to }) => from === botJid && to === juliet.jid).map(({ request }) => request).length
    await bot.bot.send(juliet.jid, "wherefore 1")
    await heard(juliet, bot, 1)
    const first = asked()
    await clock.advance(23 * 3_600_000)
    await bot.bot.send(juliet.jid, "wherefore 2")
    await eventually(() => expect(fromBot()).toHaveLength(2))
    expect(asked()).toBe(first)
    await clock.advance(2 * 3_600_000)
    await bot.bot.send(juliet.jid, "wherefore 3")
    await eventually(() => expect(fromBot()).toHaveLength(3))
    expect(asked()).toBeGreaterThan(first)
  })

  test("A5: a key list that cannot be read is no reason to send otherwise, nor to park", async () => {
    const { juliet, bot } = await setUp({ encryption: "opportunistic" }, false)
    world
      .account(juliet.jid)
      .pep.put(publicKeysNode, publicKeysList.write([{ fingerprint: fingerprint("AB".repeat(20)) }]))
    world.account(juliet.jid).pep.put(publicKeyNode(fingerprint("AB".repeat(20))), {
      name: "pubkey",
      namespace: namespaces.openpgp,
      attributes: {},
      children: ["nonsense"],
    })
    await bot.bot.send(juliet.jid, "wherefore art")
    await eventually(async () => {
      expect(await entries(bot)).toMatchObject([
        { state: "waiting", because: expect.stringContaining("no usable key") },
      ])
    })
    expect(fromBot()).toEqual([])
  })
})

describe("encryption: opportunistic", () => {
  test("plaintext only to who has no key at all, and it is marked", async () => {
    mayBePlain = true
    const { juliet, bot } = await setUp({ encryption: "opportunistic" }, false)
    await bot.bot.send(juliet.jid, "wherefore art")
    await eventually(() => expect(fromBot()).toHaveLength(1))
    const [message] = fromBot()
    expect(message && textOf(childElement(message, "body", namespaces.client) ?? message)).toBe("wherefore art")
    await eventually(async () => {
      const archived = await Array.fromAsync(bot.storage.archive.read({ account: botJid, direction: "out" }))
      expect(archived).toMatchObject([{ verdict: { outcome: "plaintext" } }])
    })
    const audited = await Array.fromAsync(bot.storage.audit.read({ account: botJid }))
    expect(audited.map(({ kind }) => kind)).toContain("sent-plaintext")
    expect(bot.log.lines).toContainEqual(
      expect.objectContaining({ level: "warn", message: expect.stringContaining("plaintext") }),
    )
  })

  test("A6: who ever had a key gets no plaintext when the server withholds it, and no reply is ever plaintext", async () => {
    const { juliet, bot } = await setUp({ encryption: "opportunistic" })
    await bot.bot.send(juliet.jid, "wherefore 1")
    await heard(juliet, bot, 1)
    juliet.withdraw()
    await eventually(() => expect(bot.log.lines.filter(({ message }) => message === "keys changed")).toHaveLength(2))
    await bot.bot.send(juliet.jid, "wherefore 2")
    await eventually(async () => expect((await entries(bot)).at(-1)).toMatchObject({ state: "waiting" }))
    expect(fromBot()).toHaveLength(1)
  })

  test("with a key it is encrypted as always", async () => {
    const { juliet, bot } = await setUp({ encryption: "opportunistic" })
    await bot.bot.send(juliet.jid, "wherefore art")
    expect(await heard(juliet, bot, 1)).toEqual(["wherefore art"])
  })
})

describe("order and obstacles", () => {
  test("a message that is too long for a stanza is parked with its reason, those around it go", async () => {
    const { juliet, bot } = await setUp()
    await bot.bot.sendAll([
      { to: juliet.jid, body: "thou 1" },
      { to: juliet.jid, body: `giant ${"x".repeat(300 * 1024)}` },
      { to: juliet.jid, body: "thou 2" },
    ])
    expect(await heard(juliet, bot, 2)).toEqual(["thou 1", "thou 2"])
    await eventually(async () => {
      expect((await entries(bot)).map(({ state, because }) => [state, because])).toEqual([
        ["sent", undefined],
        ["parked", expect.stringContaining("too long")],
        ["sent", undefined],
      ])
    })
  })

  test("three lost connections park a message, and only the one that they were lost with", async () => {
    const { juliet, bot } = await setUp()
    const romeo = await createPeer(world, "romeo")
    const tries: string[] = []
    world.onMessage = ({ attributes }) => {
      tries.push(attributes.to ?? "")
      return attributes.to === juliet.jid && tries.filter((to) => to === juliet.jid).length <= 3
        ? "lose-connection"
        : "pass"
    }
    await bot.bot.sendAll([
      { to: juliet.jid, body: "giant" },
      { to: juliet.jid, body: "thou 2" },
      { to: romeo.jid, body: "thou too" },
    ])
    expect(await heard(juliet, bot, 1)).toEqual(["thou 2"])
    expect(await heard(romeo, bot, 1)).toEqual(["thou too"])
    await eventually(async () => {
      const byState = (await entries(bot)).map(({ state, because, lostConnections }) => [
        state,
        because,
        lostConnections,
      ])
      expect(byState[0]).toEqual(["parked", "three lost connections", expect.any(Number)])
      expect(byState.slice(1).map(([state]) => state)).toEqual(["sent", "sent"])
    })
    expect(tries.filter((to) => to === juliet.jid)).toHaveLength(4)
  })

  test("one stanza, one id: every attempt at a message has the same, another message has another", async () => {
    const { juliet, bot } = await setUp()
    let count = 0
    world.onMessage = () => (++count === 1 ? "lose-connection" : "pass")
    await bot.bot.sendAll([
      { to: juliet.jid, body: "thou 1" },
      { to: juliet.jid, body: "thou 2" },
    ])
    expect(await heard(juliet, bot, 2)).toEqual(["thou 1", "thou 2"])
    // The second one may have been on its way, too, when the connection was lost.
    const ids = fromBot().map(({ attributes }) => attributes.id)
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(ids.filter((id) => id === ids[0])).toHaveLength(2)
    expect(new Set(ids).size).toBe(2)
    expect(ids.at(-1)).not.toBe(ids[0])
  })

  test("while the network is away messages wait, then leave in order", async () => {
    const { juliet, bot } = await setUp()
    await bot.bot.send(juliet.jid, "thou 0")
    await heard(juliet, bot, 1)
    world.account(botJid).setAway(true)
    const bodies = ["thou 1", "thou 2", "thou 3"]
    for (const body of bodies) await bot.bot.send(juliet.jid, body)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(fromBot()).toHaveLength(1)
    world.account(botJid).setAway(false)
    expect(await heard(juliet, bot, 3)).toEqual(bodies)
  })

  test("an attempt that takes too long is ended and made again later; the connection is still believed in", async () => {
    const clock = testClock()
    world = createWorld()
    const juliet = await createPeer(world, "juliet")
    const romeo = await createPeer(world, "romeo")
    const client = world.connect(botJid)
    let hung = 0
    const send: typeof client.send = async (stanza, options) => {
      if (stanza.attributes.to !== juliet.jid || ++hung > 1) return client.send(stanza, options)
      await new Promise((_, reject) => {
        options?.signal?.addEventListener("abort", () => reject(aborted(options.signal)), { once: true })
      })
    }
    bot = await startBot(world, () => {}, { clock, transport: { ...client, send } })
    const running = bot
    await running.bot.send(juliet.jid, "thou 1")
    await eventually(() => expect(hung).toBe(1))
    await clock.advance(101_000)
    await eventually(async () => {
      const [entry] = await entries(running)
      expect(entry).toMatchObject({ state: "waiting", because: "the attempt took too long", lostConnections: 0 })
    })
    expect(await running.bot.status()).toMatchObject({ connected: true })
    await running.bot.send(romeo.jid, "thou too")
    expect(await heard(romeo, running, 1)).toEqual(["thou too"])
    await clock.advance(61_000)
    expect(await heard(juliet, running, 1)).toEqual(["thou 1"])
  })

  test.each([
    ["cancel", "service-unavailable", "parked"],
    ["modify", "not-acceptable", "parked"],
    ["auth", "forbidden", "parked"],
    ["wait", "internal-server-error", "waiting"],
    ["cancel", "remote-server-not-found", "waiting"],
    ["cancel", "remote-server-timeout", "waiting"],
    ["cancel", "recipient-unavailable", "waiting"],
    ["modify", "resource-constraint", "waiting"],
  ])("a bounce of type %s with %s: the message is %s, and the next goes", async (type, condition, state) => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ clock })
    let count = 0
    world.onMessage = () => (++count === 1 ? { bounce: condition, type } : "pass")
    await bot.bot.send(juliet.jid, "thou 1")
    await eventually(async () => {
      expect(await entries(bot)).toMatchObject([{ state, because: `came back: ${condition}` }])
    })
    if (state === "waiting") await clock.advance(61_000)
    await bot.bot.send(juliet.jid, "thou 2")
    expect(await heard(juliet, bot, 1)).toEqual([state === "waiting" ? "thou 1" : "thou 2"])
  })

  test("a bounce that names no message of ours changes nothing", async () => {
    const { juliet, bot } = await setUp()
    await bot.bot.send(juliet.jid, "thou 1")
    await heard(juliet, bot, 1)
    await eventually(async () => expect(await entries(bot)).toMatchObject([{ state: "sent" }]))
    const error = { name: "error", namespace: namespaces.client, attributes: { type: "cancel" }, children: [] }
    const attributes = { type: "error", from: "mallory@example.org/x", to: botJid, id: "0".repeat(32) }
    world.account(botJid).deliver({ name: "message", namespace: namespaces.client, attributes, children: [error] })
    await bot.bot.send(juliet.jid, "thou 2")
    await heard(juliet, bot, 1)
    await eventually(async () => expect(await entries(bot)).toMatchObject([{ state: "sent" }, { state: "sent" }]))
  })
})

describe("the outbox at rest", () => {
  test("the same key again puts a parked message back into the line", async () => {
    const { juliet, bot } = await setUp()
    world.onMessage = () => ({ bounce: "service-unavailable", type: "cancel" })
    const first = await bot.bot.send(juliet.jid, "thou", { key: "alert-1" })
    await eventually(async () => expect(await entries(bot)).toMatchObject([{ state: "parked" }]))
    world.onMessage = () => "pass"
    expect(await bot.bot.send(juliet.jid, "thou", { key: "alert-1" })).toBe(first)
    expect(await heard(juliet, bot, 1)).toEqual(["thou"])
    await eventually(async () => expect(await entries(bot)).toMatchObject([{ state: "sent" }]))
  })

  test("the archive has the time that is sealed inside, not that of the acknowledgement", async () => {
    const clock = testClock()
    const { juliet, bot } = await setUp({ clock })
    world.onMessage = () => {
      void clock.advance(30_000)
      return "pass"
    }
    await bot.bot.send(juliet.jid, "thou")
    const message = await juliet.hear(botJid, bot.certificate)
    if (message?.kind !== "secure") throw new Error("it was not secure")
    await eventually(async () => {
      const archived = await Array.fromAsync(bot.storage.archive.read({ account: botJid, direction: "out" }))
      expect(archived).toMatchObject([{ verdict: { outcome: "secure", writtenAt: message.writtenAt } }])
    })
  })

  test("the same key gives the same id and is sent once", async () => {
    const { juliet, bot } = await setUp()
    const first = await bot.bot.send(juliet.jid, "thou", { key: "alert-1" })
    expect(await bot.bot.send(juliet.jid, "thou again", { key: "alert-1" })).toBe(first)
    expect(await heard(juliet, bot, 1)).toEqual(["thou"])
    expect(await entries(bot)).toHaveLength(1)
  })

  test("nothing readable lies in the outbox, and who changes it makes the bot say nothing", async () => {
    const storage = lastingStorage()
    const clock = testClock()
    const { juliet, bot } = await setUp({ storage, clock }, false)
    await bot.bot.send(juliet.jid, "wherefore art", { key: "mine" })
    await bot.bot.send("romeo@example.org", "thou", { key: "other" })
    await eventually(async () => expect(await entries(bot)).toMatchObject([{ state: "waiting" }, { state: "waiting" }]))
    const now = new Date(clock.now().getTime() + 7_200_000)
    const leased = await storage.outbox.claim({ account: botJid, now, leaseMs: 1, limit: 2 })
    for (const { sealed } of leased) expect(Buffer.from(sealed).toString("latin1")).not.toMatch(/wherefore|thou/)
    const [mine, other] = leased
    if (mine === undefined || other === undefined) throw new Error("nothing was queued")
    const mallory = await createPeer(world, "mallory")
    const forged = { account: botJid, recipient: mallory.jid, enqueuedAt: now }
    const flipped = mine.sealed.map((byte, at) => (at === mine.sealed.length - 20 ? byte ^ 1 : byte))
    await storage.outbox.enqueue([
      { ...forged, key: "mine-1", sealed: mine.sealed },
      { ...forged, key: "mine-2", sealed: flipped },
      { ...forged, key: "mine-3", sealed: new TextEncoder().encode('{"recipient":"mallory@example.org"}') },
      { ...forged, key: "mine-4", sealed: await sealedBy(mallory, bot) },
      { account: botJid, recipient: juliet.jid, enqueuedAt: now, key: "again", sealed: mine.sealed },
    ])
    await storage.outbox.wake(botJid)
    await clock.advance(7_200_000)
    juliet.announce()
    await eventually(async () => {
      const states = (await entries(bot)).map(({ key, state, because }) => [key, state, because])
      expect(states).toEqual(
        expect.arrayContaining([
          ["mine-1", "parked", "refused: it is for another recipient"],
          ["mine-2", "parked", expect.stringMatching(/^refused: /)],
          ["mine-3", "parked", expect.stringMatching(/^refused: /)],
          ["mine-4", "parked", "refused: it was not sealed by this bot"],
          ["again", "parked", "refused: it was queued under another key"],
        ]),
      )
    })
    const audited = await Array.fromAsync(storage.audit.read({ account: botJid }))
    expect(audited.filter(({ kind }) => kind === "outbox-entry-refused")).toHaveLength(5)
    expect(fromBot().filter(({ attributes }) => attributes.to === mallory.jid)).toEqual([])
  })
})

/** What Mallory, who can read the bot's certificate, can make: sealed to the bot, with her own signature. */
async function sealedBy(mallory: Peer, { certificate }: Running): Promise<Uint8Array> {
  const text = JSON.stringify({
    purpose: "aurochs-outbox",
    v: 1,
    account: botJid,
    recipient: mallory.jid,
    key: "mine-4",
    payload: "<payload xmlns='urn:aurochs:outbox'><body xmlns='jabber:client'>x</body></payload>",
    encryptedOnly: false,
  })
  const { provider } = await import("./peers.ts")
  return provider.signcrypt(new TextEncoder().encode(text), { recipients: [certificate], signWith: mallory.key })
}
