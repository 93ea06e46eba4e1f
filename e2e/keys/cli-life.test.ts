import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { run } from "../rig/processes.ts"
import { type Prosody, startProsody } from "../rig/prosody.ts"
import { type VksServer, vksServer } from "./vks-server.ts"

const PROGRAM = fileURLToPath(new URL("../../apps/cli/dist/main.js", import.meta.url))
const PASSPHRASE = "wherefore art thou"
const NODE = "urn:xmpp:openpgp:0:secret-key"

let folder: string
let prosody: Prosody
let vks: VksServer
beforeAll(async () => {
  folder = await temporaryFolder("life")
  prosody = await startProsody({ folder, users: ["juliet", "romeo"] })
  vks = await vksServer()
}, 180_000)
afterAll(async () => {
  await vks?.[Symbol.asyncDispose]()
  await prosody?.stop()
  await removeFolder(folder)
})

/** Everything that any of the commands printed. */
const printed: string[] = []

async function cli(user: string, home: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const result = await run(process.execPath, [PROGRAM, ...args, "--service", prosody.service, "--json"], {
    input: "",
    env: {
      ...process.env,
      AUROCHS_HOME: join(folder, home),
      AUROCHS_PASSWORD: `pw-${user}`,
      AUROCHS_PASSPHRASE: PASSPHRASE,
      AUROCHS_DEBUG: "1",
      NODE_EXTRA_CA_CERTS: prosody.caFile,
      ...env,
    },
  })
  printed.push(result.stdout, result.stderr)
  const lines = result.stdout.split("\n").filter(Boolean)
  return { ...result, json: lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

const juliet = (args: readonly string[], env?: NodeJS.ProcessEnv) => cli("juliet", "juliet", args, env)
const romeo = (args: readonly string[]) => cli("romeo", "romeo", args)

/** Opts in to a key server. */
const upload = () => [
  ...["--also-to", "vks", "--vks-server", `http://127.0.0.1:${vks.port}`],
  ...["--allow-private", "127.0.0.1"],
]

describe("the life of a key on Prosody, by the command line", { timeout: 180_000 }, () => {
  let first: string
  let second: string
  let code: string

  it("R22, R53: generate, announce, status: nothing to do", async () => {
    first = (await juliet(["key", "generate", "--jid", "juliet@ox.test"])).json[0]?.fingerprint as string
    const before = await juliet(["key", "status"])
    expect(before.json[0]).toMatchObject({ advice: [{ todo: "announce", fingerprint: first }] })
    expect((await juliet(["key", "announce"])).code).toBe(0)
    expect(vks.asked).toEqual([])
    const uploading = await juliet(["key", "announce", ...upload()])
    expect(uploading.json[0]?.published).toEqual([{ source: "pep" }, { source: "vks" }])
    expect(uploading.stderr).toContain("cannot be taken back")
    // It is there already.
    expect((await juliet(["key", "announce", ...upload()])).json[0]?.published).toEqual([{ source: "pep" }])
    expect(vks.asked.splice(0)).toEqual(["POST /vks/v1/upload"])
    expect((await juliet(["key", "status"])).json[0]).toMatchObject({
      keys: [{ fingerprint: first, current: true, presence: [{ source: "pep", state: "same" }] }],
      foreign: [],
      advice: [],
    })
  })

  it("R36, R38, R39, R42: the backup's node is its owner's alone, and the code is shown once", async () => {
    // Prosody 0.12 does not announce what it can do.
    expect((await juliet(["key", "backup"])).stderr).toContain("--unannounced")
    const result = await juliet(["key", "backup", "--unannounced"])
    expect([result.code, result.json[0]?.fingerprints]).toEqual([0, [first]])
    code = result.json[0]?.code as string
    expect(code).toMatch(/^(?:[1-9A-NP-Z]{4}-){5}[1-9A-NP-Z]{4}$/)
    const node = await readFile(join(folder, "data", "ox%2etest", "pep", "juliet.dat"), "utf8")
    expect(node.slice(node.indexOf(NODE))).toMatch(/\["access_model"\] = "whitelist"/)
    expect(await prosody.log()).not.toContain(code)
  })

  it("rotate: the new key is signed by the old one and both are announced", async () => {
    await romeo(["key", "generate", "--jid", "romeo@ox.test"])
    await romeo(["contact", "lookup", "juliet@ox.test"])
    const rotated = await juliet(["key", "rotate", "--overlap", "1"])
    expect([rotated.code, rotated.json[0]?.from]).toEqual([0, first])
    second = rotated.json[0]?.to as string
    expect((await juliet(["key", "status"])).json[0]).toMatchObject({
      keys: [
        { fingerprint: first, current: false },
        { fingerprint: second, current: true, certifiedBy: [first], presence: [{ state: "same" }] },
      ],
      foreign: [],
      advice: [],
    })
    expect(await readdir(join(folder, "juliet", "revocation"))).toEqual([`${first}.pgp`, `${second}.pgp`].toSorted())
    const seen = await romeo(["contact", "lookup", "juliet@ox.test"])
    expect(seen.json.map((one) => one.fingerprint).toSorted()).toEqual([first, second].toSorted())
  })

  it("R40, R43: on another machine, which has nothing, the code brings the keys back; a wrong one nothing", async () => {
    const args = ["key", "restore", "--jid", "juliet@ox.test"]
    const backup = await juliet(["key", "backup", "--unannounced"])
    expect(backup.json[0]?.fingerprints).toEqual([first, second])
    const replaced = await cli("juliet", "elsewhere", args, { AUROCHS_BACKUP_CODE: code })
    expect([replaced.code, replaced.stdout]).toEqual([2, ""])
    code = backup.json[0]?.code as string
    const lower = await cli("juliet", "elsewhere", args, { AUROCHS_BACKUP_CODE: code.toLowerCase() })
    expect([lower.code, lower.stdout]).toEqual([2, ""])
    expect(lower.stderr).toContain("six groups")
    const restored = await cli("juliet", "elsewhere", args, { AUROCHS_BACKUP_CODE: code })
    expect(restored.json.map((one) => one.fingerprint)).toEqual([first, second])
    expect((await cli("juliet", "elsewhere", ["key", "status"])).json[0]).toMatchObject({ foreign: [], advice: [] })
  })

  it("A21: revoke: every contact learns of it, and the new key goes on", async () => {
    expect((await juliet(["key", "revoke", first])).code).toBe(2)
    const revoked = await juliet(["key", "revoke", first, "--reason", "superseded", ...upload()])
    expect([revoked.code, revoked.json[0]?.published]).toEqual([0, [{ source: "pep" }, { source: "vks" }]])
    expect(revoked.stderr).toContain("cannot be taken back")
    expect(vks.asked).toEqual(["POST /vks/v1/upload"])
    const seen = await romeo(["contact", "lookup", "juliet@ox.test"])
    const decisions = Object.fromEntries(seen.json.map((one) => [one.fingerprint, one.decision]))
    expect(decisions[first]).toMatchObject({ use: "verify-only", because: "revoked" })
    expect(decisions[second]).toMatchObject({ use: "encrypt+verify" })
    expect((await juliet(["key", "status"])).json[0]).toMatchObject({
      keys: [{ fingerprint: first, unusable: "revoked", presence: [{ state: "same" }] }, { current: true }],
      advice: [],
    })
    expect((await juliet(["key", "retire", first])).code).toBe(0)
  })

  it("A21: expire and renew; of a lost key the revocation certificate", async () => {
    expect((await juliet(["key", "expire", second, "10"])).json[0]?.expiresAt).toBeTruthy()
    expect((await juliet(["key", "status"])).json[0]).toMatchObject({
      advice: [{ todo: "renew", fingerprint: second }],
    })
    expect((await juliet(["key", "renew", second])).json[0]?.expiresAt).toBeUndefined()
    const file = join(folder, "juliet", "revocation", `${second}.pgp`)
    const wrong = join(folder, "juliet", "revocation", `${first}.pgp`)
    expect((await juliet(["key", "revoke", second, "--certificate", wrong])).code).toBe(2)
    expect((await juliet(["key", "revoke", second, "--certificate", file])).code).toBe(0)
    const seen = await romeo(["contact", "lookup", "juliet@ox.test"])
    const known = seen.json.find((one) => one.fingerprint === second)
    expect(known?.decision).toMatchObject({ use: "never", because: "revoked" })
  })

  it("the backup is taken away", async () => {
    expect((await juliet(["key", "backup", "--remove"])).code).toBe(0)
    const gone = await cli("juliet", "third", ["key", "restore", "--jid", "juliet@ox.test"], {
      AUROCHS_BACKUP_CODE: code,
    })
    expect([gone.code, gone.stdout]).toEqual([2, ""])
  })

  it("neither passphrase nor password nor code was ever printed, but the code when it was made", () => {
    const all = printed.join("\n")
    for (const secret of [PASSPHRASE, "pw-juliet", "pw-romeo"]) expect(all).not.toContain(secret)
    expect(all.split(code)).toHaveLength(2)
    expect(all).not.toMatch(/PRIVATE KEY|"privateParams"|passphrase":/)
  })

  it("neither is any of them in the folders, nor on the server", async () => {
    for (const home of ["juliet", "romeo", "elsewhere"]) {
      for (const entry of await readdir(join(folder, home), { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue
        const text = await readFile(join(entry.parentPath, entry.name), "latin1")
        for (const secret of [PASSPHRASE, code]) expect(text.includes(secret), entry.name).toBe(false)
      }
    }
    const log = await prosody.log()
    for (const secret of [PASSPHRASE, code]) expect(log.includes(secret)).toBe(false)
  })
})
