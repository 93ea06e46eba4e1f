import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { goSendxmpp } from "./rig/gosendxmpp.ts"
import { incident, type NotifyBot, notifyBotOn } from "./rig/notify-bot.ts"
import { freePort, run } from "./rig/processes.ts"
import { type Prosody, startProsody } from "./rig/prosody.ts"

const CLI = fileURLToPath(new URL("../apps/cli/dist/main.js", import.meta.url))

let folder: string
let prosody: Prosody
beforeAll(async () => {
  folder = await temporaryFolder("start")
  prosody = await startProsody({ folder, users: ["fresh", "taken", "alice"] })
}, 180_000)
afterAll(async () => {
  await prosody?.stop()
  await removeFolder(folder)
})

const make = (name: string, user: string, overrides: Readonly<Record<string, unknown>> = {}) =>
  notifyBotOn(prosody, { folder: join(folder, name), user, recipients: ["alice"], overrides })

/** Starting must fail with one line on standard error. */
async function refusal(bot: NotifyBot): Promise<{ code: number; message: string }> {
  const { code, stderr } = await bot.command("serve")
  expect(stderr).toMatch(/^aurochs-notify: .*\n$/)
  expect(stderr).not.toMatch(/^ {4}at /m)
  return { code, message: stderr }
}

describe("aurochs-notify says in one line why it does not start, and what to do", () => {
  it("R47: keys are announced for the account, and none of them is here", async () => {
    const other = await goSendxmpp({
      folder,
      server: `127.0.0.1:${prosody.port}`,
      jid: "taken@ox.test",
      password: "pw-taken",
    })
    await other.generateKey()
    const bot = await make("taken", "taken")
    const { code, message } = await refusal(bot)
    expect(code).toBe(4)
    expect(message).toContain("aurochs key import")
    // The list is as it was: nothing was announced over it. (Prosody logs attributes in any order.)
    expect(
      (await prosody.log()).match(/RECV: <iq (?=[^>]*from='taken@ox\.test)(?=[^>]*type='set').*<publish /g) ?? [],
    ).toHaveLength(2)
  }, 60_000)

  it("R47: a key brought with the command line and announced makes it start", async () => {
    const bot = await make("taken", "taken")
    const home = join(dirname(bot.configFile), "state", "keys")
    const env = {
      ...process.env,
      AUROCHS_HOME: home,
      AUROCHS_PASSWORD: "pw-taken",
      NODE_EXTRA_CA_CERTS: prosody.caFile,
    }
    const cli = (...args: string[]) => run(process.execPath, [CLI, ...args, "--service", prosody.service], { env })
    expect(await cli("key", "generate", "--jid", "taken@ox.test", "--no-passphrase")).toMatchObject({ code: 0 })
    const unannounced = await refusal(bot)
    expect(unannounced.message).toContain("aurochs key announce")
    expect(await cli("key", "announce")).toMatchObject({ code: 0 })
    await bot.start()
    await bot.process().waitFor(/own key ready/)
    await bot.stop()
  }, 60_000)

  it("no key anywhere, and none may be made", async () => {
    const { code, message } = await refusal(await make("none", "fresh", { key: { create: false } }))
    expect(code).toBe(2)
    expect(message).toMatch(/aurochs key (generate|import)/)
  }, 60_000)

  it("an unknown setting, a short token, no configuration file", async () => {
    expect(await refusal(await make("unknown", "fresh", { recipient: [] }))).toEqual({
      code: 2,
      message: expect.stringContaining("recipient is no known setting"),
    })
    const short = await refusal(await make("short", "fresh", { webhook: { token: "x".repeat(31) } }))
    expect(short).toEqual({ code: 2, message: expect.stringContaining("32 characters") })
    const bot = await make("missing", "fresh")
    const missing = await run(process.execPath, [
      fileURLToPath(new URL("../apps/notify-bot/dist/main.js", import.meta.url)),
      "serve",
      "--config",
      `${bot.configFile}.not`,
    ])
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("cannot be read")])
  })

  it("no database", async () => {
    const databaseUrl = `postgres://nobody@127.0.0.1:${await freePort()}/none`
    expect((await refusal(await make("away", "fresh", { storage: { folder: "state", databaseUrl } }))).code).toBe(6)
  }, 60_000)

  it("a first start while the server is away: 503 until there is a key, then it works by itself", async () => {
    const bot = await make("first", "fresh")
    await prosody.stop()
    await bot.start()
    expect((await bot.post(incident("Early"))).status).toBe(503)
    await prosody.restart()
    await bot.process().waitFor(/own key ready/, 60_000)
    expect((await bot.post(incident("Early"))).status).toBe(200)
    await bot.stop()
  }, 120_000)
})
