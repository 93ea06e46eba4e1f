import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { goSendxmpp } from "./rig/gosendxmpp.ts"
import { incident, type NotifyBot, notifyBotOn, queueOf } from "./rig/notify-bot.ts"
import { eventually } from "./rig/processes.ts"
import { type Prosody, startProsody } from "./rig/prosody.ts"

let folder: string
let prosody: Prosody
let bot: NotifyBot
beforeAll(async () => {
  folder = await temporaryFolder("waiting")
  prosody = await startProsody({ folder, users: ["bot", "alice", "carol"] })
  bot = await notifyBotOn(prosody, { folder, user: "bot", recipients: ["alice", "carol"] })
}, 180_000)
afterAll(async () => {
  await bot?.stop()
  await prosody?.stop()
  await removeFolder(folder)
})

const account = (user: string) =>
  goSendxmpp({
    folder,
    server: `127.0.0.1:${prosody.port}`,
    jid: `${user}@${prosody.domain}`,
    password: `pw-${user}`,
  })
const postmaster = () => readFile(join(dirname(bot.configFile), "state", "postgres", "data", "postmaster.pid"), "utf8")

describe("aurochs-notify with its embedded Postgres", () => {
  it("I2, A6: an alert for somebody without a key waits and says why; the others get theirs", async () => {
    const alice = await account("alice")
    await alice.generateKey()
    const listener = alice.listen()
    await bot.start()
    expect((await bot.post(incident("Waiting"))).status).toBe(200)
    await listener.waitFor(/summary of Waiting/)
    await listener.stop()
    const waiting = await eventually("carol's alert waits with its reason", async () => {
      const entries = await queueOf(bot)
      return entries.length === 1 && entries[0]?.because !== undefined ? entries : undefined
    })
    expect(waiting).toMatchObject([{ recipient: "carol@ox.test", state: "waiting" }])
    expect(waiting[0]?.because).toMatch(/key/)
    expect((await prosody.openpgpMessages()).every((stanza) => stanza.includes("to='alice@ox.test'"))).toBe(true)
  }, 120_000)

  it("an embedded Postgres left behind by a kill is adopted, and stopped at the end", async () => {
    const before = (await postmaster()).split("\n")[0]
    await bot.stop("SIGKILL")
    await bot.start()
    expect((await postmaster()).split("\n")[0]).toBe(before)
    expect(bot.process().output()).toContain("took over the database")
    await bot.stop()
    await expect(postmaster()).rejects.toThrow()
  }, 60_000)

  it("I2: what waited leaves by itself when the key comes, after a restart, too", async () => {
    await bot.start()
    expect(await queueOf(bot)).toMatchObject([{ recipient: "carol@ox.test", state: "waiting" }])
    const carol = await account("carol")
    await carol.generateKey()
    const listener = carol.listen()
    await listener.waitFor(/\[OX\].*Waiting[\s\S]*summary of Waiting/, 90_000)
    await listener.stop()
    await eventually("the queue is empty", async () => ((await queueOf(bot)).length === 0 ? true : undefined))
  }, 120_000)

  it("refuses a second service on the same folder, in one message", async () => {
    const { code, stderr } = await bot.command("serve")
    expect(code).toBe(2)
    expect(stderr).toMatch(/^aurochs-notify: another aurochs-notify \(process \d+\) serves from .*\n$/)
  })
})
