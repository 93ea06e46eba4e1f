import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const PROGRAM = fileURLToPath(new URL("../dist/main.js", import.meta.url))
const KEYS = fileURLToPath(new URL("../../../vectors/captures/keys", import.meta.url))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-open-"))
})
afterAll(() => rm(folder, { recursive: true }))

function cli(home: string, input: string, ...args: readonly string[]) {
  const env = { ...process.env, AUROCHS_PASSPHRASE: "", AUROCHS_PASSWORD: "" }
  return spawnSync(process.execPath, [PROGRAM, ...args, "--home", home], { input, env, encoding: "utf8" })
}

const stanza = (inner: string) =>
  `<message xmlns='jabber:client' from='alice@ox.test' to='bob@ox.test' type='chat'>${inner}</message>`
const PLAIN = stanza("<body>hi</body>")
const SEALED = stanza("<openpgp xmlns='urn:xmpp:openpgp:0'>AAAA</openpgp>")
const MARKED = stanza("<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:openpgp:0'/><body>hi</body>")

describe("aurochs open and seal without a home folder", { timeout: 30_000 }, () => {
  it("plaintext is told as plaintext, without a key, and nothing is made", () => {
    const home = join(folder, "absent")
    const { status, stdout } = cli(home, PLAIN, "open", "--as", "bob@ox.test")
    expect([status, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ kind: "plaintext", body: "hi" })])
    expect(existsSync(home)).toBe(false)
  })

  it.each([SEALED, MARKED])("what says that it is encrypted needs a key: exit code 4 (%#)", (input) => {
    const home = join(folder, "absent")
    expect(cli(home, input, "open", "--as", "bob@ox.test")).toMatchObject({ status: 4, stdout: "" })
    expect(existsSync(home)).toBe(false)
  })

  it("seal makes nothing, either", () => {
    const home = join(folder, "absent")
    const to = ["--to", "bob@ox.test", "--cert", join(KEYS, "bob.pub.gpg"), "--body", "x"]
    expect(cli(home, "", "seal", "--from", "alice@ox.test", ...to).status).toBe(4)
    expect(existsSync(home)).toBe(false)
  })

  it("a home folder that is there stays as it is", async () => {
    const home = join(folder, "home")
    const made = cli(home, "", "key", "import", join(KEYS, "bob.sec.gpg"), "--jid", "bob@ox.test", "--no-passphrase")
    expect(made.status).toBe(0)
    const before = await readdir(home, { recursive: true })
    expect(cli(home, SEALED, "open", "--as", "bob@ox.test").status).toBe(3)
    expect(await readdir(home, { recursive: true })).toEqual(before)
  })
})
