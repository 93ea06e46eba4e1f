import { copyFile, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
import { goSendxmpp } from "./rig/gosendxmpp.ts"
import { installPacked } from "./rig/packed.ts"
import { runOrThrow, start } from "./rig/processes.ts"
import { type Prosody, startProsody } from "./rig/prosody.ts"

// Outside the repository: nothing of it can be found from there.
let folder: string
let bot: string
let prosody: Prosody
let installed: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-packed-"))
  bot = join(folder, "bot")
  installed = await installPacked(bot)
  prosody = await startProsody({ folder: join(folder, "prosody"), users: ["echo", "alice"] })
}, 240_000)

afterAll(async () => {
  await prosody?.stop()
  await rm(folder, { recursive: true, force: true })
})

it("the packed archives install together, and a message sealed with them opens", async () => {
  expect(installed).toContain("@aurochs/bot")
  await copyFile(fileURLToPath(new URL("packed/round-trip.ts", import.meta.url)), join(bot, "round-trip.ts"))
  const output = await runOrThrow(process.execPath, ["round-trip.ts", "käse & <wine>"], { cwd: bot })
  expect(JSON.parse(output)).toEqual({ kind: "secure", body: "käse & <wine>" })
})

it("the echo bot, run from the packed archives, answers go-sendxmpp", async () => {
  await copyFile(fileURLToPath(new URL("../apps/echo-bot/src/main.ts", import.meta.url)), join(bot, "main.ts"))
  const jid = `echo@${prosody.domain}`
  const env = {
    ...process.env,
    NODE_EXTRA_CA_CERTS: prosody.caFile,
    BOT_JID: jid,
    BOT_PASSWORD: "pw-echo",
    BOT_SERVICE: prosody.service,
  }
  const alice = await goSendxmpp({
    folder,
    server: `127.0.0.1:${prosody.port}`,
    jid: `alice@${prosody.domain}`,
    password: "pw-alice",
  })
  await alice.generateKey()
  const running = start(process.execPath, ["main.ts"], { cwd: bot, env })
  const listener = alice.listen()
  try {
    await running.waitFor(/own key ready/)
    await alice.send(jid, "anybody there?")
    const [line] = await listener.waitFor(/^.*you said anybody there\?.*$/m)
    expect(line).toContain(jid)
  } finally {
    await listener.stop()
    await running.stop()
  }
})
