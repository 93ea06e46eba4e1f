import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bareJid, systemClock } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { loadOwnKeys } from "@aurochs/keys"
import { fileStorage } from "@aurochs/storage"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { rememberAccount } from "../src/world.ts"

const DIST = new URL("../dist/", import.meta.url)
const PROGRAM = fileURLToPath(new URL("main.js", DIST))
const ME = bareJid("me@ox.test")
const DAY_MS = 86_400_000
const provider = openpgpjs()

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-own-"))
})
afterAll(() => rm(folder, { recursive: true }))

function cli(home: string, input: string, ...args: readonly string[]) {
  const env = { ...process.env, AUROCHS_HOME: join(folder, home), AUROCHS_PASSPHRASE: "", AUROCHS_PASSWORD: "" }
  return spawnSync(process.execPath, [PROGRAM, ...args], { input, env, encoding: "utf8" })
}

async function makeKey(ageDays: number, spec: { userId?: string; expiresInMs?: number } = {}) {
  const now = new Date(Date.now() - ageDays * DAY_MS)
  const { key } = await provider.generate({ userId: `xmpp:${ME}`, ...spec }, { now })
  return key
}

/** A home folder with these keys, saved in this order. */
async function hold(home: string, ...keys: Awaited<ReturnType<typeof makeKey>>[]): Promise<void> {
  await using storage = await fileStorage(join(folder, home))
  for (const key of keys) {
    const secret = await provider.secrets?.export(key, { passphrase: "none" })
    if (secret !== undefined) await storage.secrets.save(ME, secret)
  }
  await rememberAccount(storage, ME)
}

async function certificateFile(name: string, key: Awaited<ReturnType<typeof makeKey>>): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, key.certificate.bytes)
  return file
}

const sealTo = (home: string, file: string) =>
  cli(home, "", "seal", "--from", ME, "--to", ME, "--cert", file, "--body", "x")

describe("which own key is used", { timeout: 30_000 }, () => {
  it("the newest usable one signs, whatever was saved last; R4: the other usable ones can read it", async () => {
    const old = await makeKey(20)
    const current = await makeKey(10)
    const expired = await makeKey(5, { expiresInMs: DAY_MS })
    const stranger = await makeKey(1, { userId: "xmpp:other@ox.test" })
    const peer = await makeKey(3)
    await hold("many", current, expired, stranger, old)
    await hold("old only", old)
    await hold("expired only", expired)
    const sealed = sealTo("many", await certificateFile("peer.pgp", peer))
    expect(sealed).toMatchObject({ status: 0, stderr: "" })
    const open = (home: string) => JSON.parse(cli(home, sealed.stdout, "open", "--as", ME).stdout)
    expect(open("many")).toMatchObject({ kind: "secure", signedBy: current.certificate.fingerprint })
    // Decrypted; the key that signed is not held there.
    expect(open("old only")).toMatchObject({ kind: "unverified", reason: "unknown-key" })
    expect(open("expired only")).toMatchObject({ kind: "rejected" })
    // What `listen` is made of goes by the same rule.
    await using storage = await fileStorage(join(folder, "many"))
    const loaded = await loadOwnKeys({ account: ME, provider, ...storage, clock: systemClock() })
    expect(loaded.current?.certificate.fingerprint).toBe(current.certificate.fingerprint)
    const file = join(folder, "exported.pgp")
    expect(cli("many", "", "key", "export", "--out", file).status).toBe(0)
    expect((await provider.inspect(await readFile(file))).fingerprint).toBe(current.certificate.fingerprint)
  })

  it("without a usable one: exit code 4, with the reason against each; key generate then makes another", async () => {
    const expired = await makeKey(5, { expiresInMs: DAY_MS })
    const stranger = await makeKey(1, { userId: "xmpp:other@ox.test" })
    await hold("none", expired, stranger)
    const file = await certificateFile("peer2.pgp", await makeKey(3))
    const refused = sealTo("none", file)
    expect(refused.status).toBe(4)
    expect(refused.stderr).toContain(`${expired.certificate.fingerprint}: expired`)
    expect(refused.stderr).toContain(`${stranger.certificate.fingerprint}: no-user-id`)
    expect(refused.stderr).toContain(`aurochs key generate --jid ${ME}`)
    const generate = ["key", "generate", "--jid", ME, "--no-passphrase"]
    expect(cli("none", "", ...generate).status).toBe(0)
    expect(sealTo("none", file).status).toBe(0)
    // Now there is a usable one.
    expect(cli("none", "", ...generate)).toMatchObject({ status: 2, stderr: expect.stringContaining("already") })
  })
})

describe("aurochs send", () => {
  it("reads no further line once it was interrupted", async () => {
    const script = `
      import { stopSignal } from "@aurochs/cli-kit"
      import { bodies } from ${JSON.stringify(new URL("send.js", DIST).href)}
      for await (const body of bodies({}, stopSignal())) console.log(body)
      console.log("ended")`
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stdio: ["pipe", "pipe", "inherit"],
    })
    let output = ""
    child.stdout.on("data", (data: Buffer) => {
      output += data
    })
    child.stdin.write("one\n\n")
    await once(child.stdout, "data")
    child.kill("SIGINT")
    // Standard input stays open.
    const [code] = await once(child, "close")
    expect([code, output]).toEqual([0, "one\nended\n"])
  })
})
