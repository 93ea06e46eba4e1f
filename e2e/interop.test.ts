import { join } from "node:path"
import { createBot } from "@aurochs/bot"
import { bareJid } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { fileStorage, type Storage } from "@aurochs/storage"
import { xmpp } from "@aurochs/xmpp"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { goSendxmpp } from "./rig/gosendxmpp.ts"
import { openKeyNodes } from "./rig/open-nodes.ts"
import { eventually, type Running } from "./rig/processes.ts"
import { type Profanity, startProfanity } from "./rig/profanity.ts"
import { type Prosody, startProsody } from "./rig/prosody.ts"
import { trustServer } from "./rig/trust-server.ts"

let folder: string
let prosody: Prosody
let storage: Storage
let stop: AbortController
let running: Promise<void>
const bot = "bot@ox.test"

beforeAll(async () => {
  folder = await temporaryFolder("interop")
  prosody = await startProsody({ folder, users: ["bot", "gopher", "prof"] })
  trustServer(prosody)
  stop = new AbortController()
  storage = await fileStorage(join(folder, "bot"))
  const echo = createBot({
    transport: xmpp({ jid: bot, password: "pw-bot", service: prosody.service, state: storage.state }),
    provider: openpgpjs(),
    storage,
  })
  echo.text((ctx) => ctx.reply(`you said ${ctx.message.body}`))
  running = echo.run({ signal: stop.signal })
  running.catch(() => {})
  await eventually("the bot has announced its key", async () =>
    (await echo.status()).ownKey !== undefined ? true : undefined,
  )
}, 180_000)

afterAll(async () => {
  stop?.abort()
  await running?.catch(() => {})
  await prosody?.stop()
  await removeFolder(folder)
})

async function archived(peer: string) {
  const entries = await Array.fromAsync(storage.archive.read({ account: bareJid(bot), peer: bareJid(peer) }))
  return entries.map(({ direction, verdict }) => `${direction} ${verdict?.outcome}`)
}

describe("go-sendxmpp", () => {
  it("R18, I3, I6: finds the bot's key, is verified by the bot, and reads the answer", async () => {
    const gopher = await goSendxmpp({
      folder,
      server: `127.0.0.1:${prosody.port}`,
      jid: "gopher@ox.test",
      password: "pw-gopher",
    })
    await gopher.generateKey()
    const listener: Running = gopher.listen()
    try {
      await gopher.send(bot, "hello from Go")
      const [line] = await listener.waitFor(/^.*you said hello from Go.*$/m)
      expect(line).toContain("[OX] bot@ox.test")
    } finally {
      await listener.stop()
    }
    expect(await archived("gopher@ox.test")).toEqual(["in secure", "out secure"])
  })
})

describe("Profanity", () => {
  let profanity: Profanity
  beforeAll(async () => {
    profanity = await startProfanity({ folder, prosody, user: "prof" })
  }, 60_000)
  afterAll(() => profanity?.stop())

  it("R18, R34, I3: finds the bot's key, is verified by the bot, and shows the answer", async () => {
    await openKeyNodes(prosody, "prof")
    await profanity.type(`/roster add ${bot}`)
    await profanity.type(`/ox discover ${bot}`)
    const [, fingerprint] = await eventually(
      "Profanity lists the bot's key",
      async () => /\b([0-9A-F]{40})\b/.exec((await profanity.screen()).split("discover").at(-1) ?? "") ?? undefined,
    )
    await profanity.type(`/ox request ${bot} ${fingerprint}`)
    await eventually("Profanity has imported it", async () =>
      /import/i.test(await profanity.screen()) ? true : undefined,
    )
    await profanity.type(`/ox start ${bot}`)
    await profanity.type("hello from Profanity")
    const screen = await profanity.waitForScreen(/you said hello from Profanity/, 30_000)
    expect(screen).toContain("OX")
    expect(
      await eventually("archived", async () =>
        (await archived("prof@ox.test")).length === 2 ? archived("prof@ox.test") : undefined,
      ),
    ).toEqual(["in secure", "out secure"])
  }, 90_000)
})

describe("on the wire", () => {
  it("I12, I13, I14, R2: an explaining body, a store hint, EME, Base64 without armor; no text of anybody", async () => {
    const stanzas = await prosody.openpgpMessages()
    expect(stanzas.length).toBeGreaterThanOrEqual(4)
    expect((await prosody.log()).includes("you said")).toBe(false)
    const ours = stanzas.filter((stanza) => /from='bot@ox\.test'/.test(stanza))
    expect(ours.length).toBeGreaterThanOrEqual(2)
    for (const stanza of ours) {
      expect(stanza).toMatch(/<store xmlns='urn:xmpp:hints'\/>/)
      expect(stanza).toMatch(/<encryption [^>]*xmlns='urn:xmpp:eme:0'/)
      expect(stanza).toMatch(/<body>/)
      expect(stanza).toMatch(/<openpgp xmlns='urn:xmpp:openpgp:0'>[A-Za-z0-9+/]+=*<\/openpgp>/)
    }
  })
})
