import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { type GoSendxmpp, goSendxmpp } from "./rig/gosendxmpp.ts"
import { run, start } from "./rig/processes.ts"
import { type Prosody, startProsody } from "./rig/prosody.ts"

const PROGRAM = fileURLToPath(new URL("../apps/cli/dist/main.js", import.meta.url))

let folder: string
let prosody: Prosody
let gopher: GoSendxmpp
beforeAll(async () => {
  folder = await temporaryFolder("cli-online")
  prosody = await startProsody({ folder, users: ["carla", "gopher", "keyless"] })
  gopher = await goSendxmpp({
    folder,
    server: `127.0.0.1:${prosody.port}`,
    jid: "gopher@ox.test",
    password: "pw-gopher",
  })
  await gopher.generateKey()
}, 180_000)
afterAll(async () => {
  await prosody?.stop()
  await removeFolder(folder)
})

const environment = () => ({
  ...process.env,
  AUROCHS_HOME: join(folder, "carla"),
  AUROCHS_PASSWORD: "pw-carla",
  NODE_EXTRA_CA_CERTS: prosody.caFile,
})
const cli = (args: readonly string[], input = "", env: NodeJS.ProcessEnv = {}) =>
  run(process.execPath, [PROGRAM, ...args, "--service", prosody.service], { input, env: { ...environment(), ...env } })

describe("aurochs on a server", () => {
  it("R22, R28: generates and announces a key", async () => {
    expect(await cli(["key", "generate", "--jid", "carla@ox.test", "--no-passphrase"])).toMatchObject({ code: 0 })
    const { code, stdout, stderr } = await cli(["key", "announce", "--json"])
    expect([code, stderr]).toEqual([0, ""])
    expect(JSON.parse(stdout)).toMatchObject({ account: "carla@ox.test", announced: true })
  })

  it("R18, R32: looks a contact's keys up, with the decision and its reason", async () => {
    const { code, stdout } = await cli(["contact", "lookup", "gopher@ox.test", "--json"])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      owner: "gopher@ox.test",
      source: "pep",
      binds: "account",
      announced: true,
      userIds: [{ text: "xmpp:gopher@ox.test", status: "valid" }],
      decision: { use: "encrypt+verify", level: "blind" },
    })
  })

  it("R54: a verified fingerprint is known from then on", async () => {
    const { fingerprint } = JSON.parse((await cli(["contact", "list", "gopher@ox.test", "--json"])).stdout) as {
      fingerprint: string
    }
    expect((await cli(["contact", "trust", "gopher@ox.test", fingerprint])).code).toBe(0)
    const [listed] = (await cli(["contact", "list", "--json"])).stdout.split("\n")
    expect(JSON.parse(listed ?? "")).toMatchObject({ approval: "verified", decision: { level: "verified" } })
    expect((await cli(["contact", "trust", "gopher@ox.test", "A".repeat(40)])).code).toBe(2)
  })

  it("sends a body, and each line of standard input, which go-sendxmpp decrypts", async () => {
    const listener = gopher.listen()
    try {
      expect(await cli(["send", "gopher@ox.test", "--body", "one body"])).toMatchObject({ code: 0 })
      await listener.waitFor(/\[OX\] carla@ox\.test: one body/)
      expect(await cli(["send", "gopher@ox.test"], "first line\nsecond line\n")).toMatchObject({ code: 0 })
      await listener.waitFor(/\[OX\] carla@ox\.test: first line[\s\S]*\[OX\] carla@ox\.test: second line/)
    } finally {
      await listener.stop()
    }
  })

  it("listens, verifies, and stops in order", async () => {
    const listener = start(process.execPath, [PROGRAM, "listen", "--json", "--service", prosody.service], {
      env: environment(),
    })
    try {
      // A first start begins at now: what is sent before it listens is not read.
      await gopherUntil(listener.output, "hello carla")
      const line = listener
        .output()
        .split("\n")
        .find((text) => text.includes("hello carla"))
      expect(JSON.parse(line ?? "")).toMatchObject({
        kind: "secure",
        peer: "gopher@ox.test",
        body: "hello carla",
        trust: { level: "verified" },
      })
    } finally {
      listener.child.kill("SIGINT")
    }
    expect(await listener.ended).toBe(0)
  }, 60_000)

  async function gopherUntil(output: () => string, text: string): Promise<void> {
    for (let round = 0; round < 20 && !output().includes(text); round++) {
      await gopher.send("carla@ox.test", text)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  }

  it("exit codes: 4 for a recipient without a key, to whom nothing is sent; 5 for a wrong password or no server", async () => {
    const before = (await prosody.openpgpMessages()).length
    const keyless = await cli(["send", "keyless@ox.test", "--body", "secret"])
    expect(keyless.code).toBe(4)
    expect((await prosody.openpgpMessages()).length).toBe(before)
    expect((await prosody.log()).includes("secret")).toBe(false)
    const wrong = await cli(["send", "gopher@ox.test", "--body", "x"], "", { AUROCHS_PASSWORD: "wrong" })
    expect(wrong.code).toBe(5)
    expect(wrong.stderr).toMatch(/password/)
    const away = await run(
      process.execPath,
      [PROGRAM, "send", "gopher@ox.test", "--body", "x", "--service", "xmpp://127.0.0.1:1"],
      { env: environment() },
    )
    expect(away.code).toBe(5)
    for (const { stderr } of [keyless, wrong, away]) expect(stderr.trim().split("\n")).toHaveLength(1)
  })
})
