import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { stripTypeScriptTypes } from "node:module"
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

it("on the oldest Node that the packages claim, all that they export loads, and every engine seals and opens", async () => {
  const { engines } = JSON.parse(await readFile(join(bot, "node_modules/@aurochs/core/package.json"), "utf8"))
  const [, oldest] = /^>=(\d+\.\d+)$/.exec(engines.node) ?? []
  const node = await nodeOf(join(folder, "node"), `${oldest}.0`)
  const source = await readFile(new URL("packed/every-engine.ts", import.meta.url), "utf8")
  await writeFile(join(bot, "every-engine.mjs"), stripTypeScriptTypes(source))
  await writeFile(join(bot, "engine.mjs"), ENGINE)
  const env = { ...process.env, NODE_OPTIONS: "" }
  const ran = JSON.parse(await runOrThrow(node, ["every-engine.mjs"], { cwd: bot, env, timeoutMs: 120_000 }))
  expect(ran).toMatchObject({ node: `${oldest}.0`, handedOn: [] })
  expect(ran.loaded).toEqual(expect.arrayContaining(["bot", "crypto/packets", "crypto/armor", "keys/dns", "xmpp"]))
  expect(ran.opened).toMatchObject({ openpgpjs: ALL_GOOD, openssl: ALL_GOOD, pool: ALL_GOOD })
  for (const [engine, opened] of Object.entries(ran.opened)) expect(opened, engine).toEqual(ALL_GOOD)
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

/** What each worker of the pool makes. */
const ENGINE = `
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { openssl } from "@aurochs/crypto-openssl"
export const provider = () => openssl({ fallback: openpgpjs() })
`
const ALL_GOOD = [["käse & <wine>"], ["valid"]]

/** The program of one version of Node, from the registry as the repository's own. */
async function nodeOf(into: string, version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`
  const options = ["--no-audit", "--no-fund", "--no-save", "--prefer-offline", "--prefix", into]
  await runOrThrow("npm", ["install", ...options, `${name}@${version}`], { timeoutMs: 120_000 })
  return join(into, "node_modules", name, "bin", "node")
}
