import { spawnSync } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bareJid, cryptoRandom, systemClock } from "@aurochs/core"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { authenticatedKeys } from "@aurochs/keys"
import { fileStorage } from "@aurochs/storage"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const PROGRAM = fileURLToPath(new URL("../dist/main.js", import.meta.url))
const ME = bareJid("me@ox.test")
const YOU = bareJid("you@ox.test")
const PASSPHRASE = "correct horse battery"
const provider = openpgpjs()

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aurochs-life-"))
})
afterAll(() => rm(folder, { recursive: true }))

function cli(home: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const base = { ...process.env, AUROCHS_HOME: join(folder, home), AUROCHS_PASSPHRASE: "", AUROCHS_PASSWORD: "" }
  return spawnSync(process.execPath, [PROGRAM, ...args], { env: { ...base, ...env }, encoding: "utf8", input: "" })
}

const json = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** A contact's key, as a reading of the list leaves it. */
async function known(home: string) {
  const { key } = await provider.generate({ userId: `xmpp:${YOU}` }, { now: new Date(Date.now() - 1_000) })
  const { fingerprint, bytes } = key.certificate
  await using storage = await fileStorage(join(folder, home))
  const [secret] = await storage.secrets.load(ME)
  const [current] = secret === undefined ? [] : await provider.importSecret(secret)
  const own = { current, all: current === undefined ? [] : [current] }
  const account = ME
  const { keys: rows, state } = storage
  const keys =
    current === undefined
      ? rows
      : authenticatedKeys({
          ...{ account, keys: rows, state, provider, clock: systemClock(), random: cryptoRandom() },
          own: () => own,
        })
  const base = { owner: YOU, fingerprint, bytes, firstSeen: new Date(), source: "pep", announced: true } as const
  await keys.put({ ...base, binds: "account", approval: "none" })
  return fingerprint
}

describe("at rest", { timeout: 120_000 }, () => {
  it("the secret key is encrypted and the file its owner's only; the passphrase is nowhere", async () => {
    const made = cli("rest", ["key", "generate", "--jid", ME], { AUROCHS_PASSPHRASE: PASSPHRASE })
    expect([made.status, made.stderr]).toEqual([0, expect.stringContaining("announce it with")])
    let secrets = 0
    for (const entry of await readdir(join(folder, "rest"), { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name)
      if (entry.isFile()) {
        expect((await stat(file)).mode & 0o077).toBe(0)
        const text = await readFile(file, "utf8")
        expect(text).not.toContain(PASSPHRASE)
        if (file.includes("secrets")) secrets += 1
      }
    }
    expect(secrets).toBe(1)
    const locked = cli("rest", ["key", "show"])
    expect([locked.status, locked.stdout]).toEqual([2, ""])
    const wrong = cli("rest", ["key", "show"], { AUROCHS_PASSPHRASE: "something else" })
    expect([wrong.status, wrong.stdout]).toEqual([3, ""])
    expect(wrong.stderr).not.toContain("something else")
    const file = join(folder, "passphrase")
    await writeFile(file, `${PASSPHRASE}\n`)
    expect(cli("rest", ["key", "show", "--passphrase-command", `cat ${file}`]).status).toBe(0)
  })
})

describe("import and export", { timeout: 120_000 }, () => {
  it("several keys in one file: those of the account are kept, the others named; none of it: refused", async () => {
    const parts: Uint8Array[] = []
    for (const userId of [`xmpp:${ME}`, "xmpp:other@ox.test", `xmpp:${ME}`]) {
      const { key } = await provider.generate({ userId })
      parts.push((await provider.secrets?.export(key, { passphrase: "none" })) ?? new Uint8Array())
    }
    const file = join(folder, "several.sec")
    await writeFile(file, Buffer.concat(parts))
    const result = cli("several", ["key", "import", file, "--jid", ME, "--no-passphrase", "--json"])
    expect(result.status).toBe(0)
    expect(json(result.stdout)).toHaveLength(2)
    expect(result.stderr).toContain("it has no User ID xmpp:me@ox.test")
    const exported = join(folder, "exported.sec")
    expect(cli("several", ["key", "export", "--secret", "--out", exported]).status).toBe(0)
    expect(await provider.importSecret(await readFile(exported))).toHaveLength(2)
    const refused = cli("none", ["key", "import", file, "--jid", "nobody@ox.test", "--no-passphrase"])
    expect([refused.status, refused.stdout]).toEqual([2, ""])
  })

  it("a backup that a code opens, armored inside as other programs write it (R43)", async () => {
    const code = "TWNK-KD5Y-MT3T-E1GS-DRDB-KVTW"
    const made = cli("inner", ["key", "generate", "--jid", ME, "--no-passphrase", "--json"])
    const secret = cli("inner", ["key", "export", "--secret", "--armor"])
    const sealed = await provider.secrets?.encryptWithPassword(new TextEncoder().encode(secret.stdout), {
      password: code,
    })
    const file = join(folder, "backup.sec.pgp")
    await writeFile(file, sealed ?? "")
    const args = ["key", "import", file, "--jid", ME, "--no-passphrase", "--json"]
    const wrong = cli("outer", args, { AUROCHS_BACKUP_CODE: code.toLowerCase() })
    expect(wrong.status).toBe(3)
    const result = cli("outer", args, { AUROCHS_BACKUP_CODE: code })
    expect(json(result.stdout)[0]?.fingerprint).toBe(json(made.stdout)[0]?.fingerprint)
  })

  it("R53: a v4 key of the older Curve25519 with one User ID; a v6 key only on demand", () => {
    const v6 = cli("six", ["key", "generate", "--jid", ME, "--no-passphrase", "--v6", "--json"])
    expect(json(v6.stdout)[0]?.fingerprint).toMatch(/^[0-9A-F]{64}$/)
    const v4 = cli("four", ["key", "generate", "--jid", ME, "--no-passphrase", "--json"])
    expect(json(v4.stdout)[0]?.fingerprint).toMatch(/^[0-9A-F]{40}$/)
    expect(json(cli("four", ["key", "show", "--json"]).stdout)).toMatchObject([
      { algorithm: "ed25519Legacy", userIds: [{ text: `xmpp:${ME}`, status: "valid" }] },
    ])
  })
})

describe("R54: saying that a key was compared", { timeout: 120_000 }, () => {
  const home = "trust"
  let print: string
  const list = () => json(cli(home, ["contact", "list", YOU, "--json"]).stdout)[0]
  beforeAll(async () => {
    expect(cli(home, ["key", "generate", "--jid", ME, "--no-passphrase"]).status).toBe(0)
    print = await known(home)
  })

  it("A5: without an own key nothing could authenticate it: only that a key is distrusted is written down", async () => {
    const keyless = "keyless"
    const theirs = await known(keyless)
    const say = (...args: string[]) => cli(keyless, ["contact", ...args, YOU, theirs, "--account", ME])
    const refused = say("trust")
    expect([refused.status, refused.stdout]).toEqual([4, ""])
    expect(refused.stderr).toContain(`aurochs key generate --jid ${ME}`)
    expect(say("distrust").status).toBe(0)
    expect(cli(keyless, ["key", "generate", "--jid", ME, "--no-passphrase"]).status).toBe(0)
    expect(json(cli(keyless, ["contact", "list", YOU, "--json"]).stdout)).toMatchObject([{ approval: "distrusted" }])
    expect(say("trust").status).toBe(0)
  })

  it("by fingerprint in groups, by either kind of URI, and back again", () => {
    const uri = `xmpp:${YOU}?trust-message;encryption=urn:xmpp:openpgp:0;trust=${print.toLowerCase()}`
    const groups = print.match(/.{4}/g)?.join(" ") ?? ""
    expect(cli(home, ["contact", "trust", YOU, groups]).status).toBe(0)
    expect(list()).toMatchObject({ uri, approval: "verified", decision: { level: "verified" } })
    expect(cli(home, ["contact", "trust", "--undo", YOU, print]).status).toBe(0)
    expect(list()).toMatchObject({ approval: "none", decision: { level: "blind" } })
    expect(cli(home, ["contact", "distrust", YOU, `openpgp4fpr:${print}`]).status).toBe(0)
    expect(list()).toMatchObject({ decision: { use: "never", level: "distrusted" } })
    expect(cli(home, ["contact", "trust", uri]).status).toBe(0)
  })

  it("a URI of somebody else, of an unknown key, or of another kind changes nothing", () => {
    const other = `xmpp:other@ox.test?trust-message;encryption=urn:xmpp:openpgp:0;trust=${print}`
    for (const args of [[YOU, other], [other], [`xmpp:${YOU}?message;body=hi`]]) {
      expect(cli(home, ["contact", "trust", ...args]).status).toBe(2)
    }
    expect(list()).toMatchObject({ approval: "verified" })
  })

  it("as a QR code in the terminal, as SVG and as PNG", async () => {
    const [svg, png] = [join(folder, "qr.svg"), join(folder, "qr.png")]
    const shown = cli(home, ["contact", "show", YOU, "--qr", "--qr-file", svg])
    expect(shown.status).toBe(0)
    expect(shown.stderr).toContain("▄")
    expect(shown.stdout).toContain(print.slice(0, 4))
    expect(await readFile(svg, "utf8")).toMatch(/^<svg .*<\/svg>\s*$/s)
    expect(cli(home, ["key", "show", "--qr-file", png]).status).toBe(0)
    const alone = cli(home, ["contact", "show", YOU, "--qr", "--qr-as", "openpgp4fpr"])
    expect([alone.status, alone.stderr]).toEqual([0, expect.stringContaining(`openpgp4fpr:${print}`)])
    expect((await readFile(png)).subarray(0, 8)).toEqual(Buffer.from("89504e470d0a1a0a", "hex"))
    expect(cli(home, ["contact", "show", YOU, "--qr-file", join(folder, "qr.gif")]).status).toBe(2)
    expect(cli(home, ["contact", "show", "nobody@ox.test"]).status).toBe(2)
  })

  it("whoever can write to the folder cannot do it: the approval of a changed file counts for nothing", async () => {
    expect(cli(home, ["contact", "trust", "--undo", YOU, print]).status).toBe(0)
    {
      await using storage = await fileStorage(join(folder, home))
      for await (const key of storage.keys.keysOf(YOU)) await storage.keys.put({ ...key, approval: "verified" })
    }
    expect(list()).toMatchObject({ approval: "none" })
    {
      await using storage = await fileStorage(join(folder, home))
      await storage.state.delete(`trust/keys/${ME}/${YOU}`)
    }
    const refused = cli(home, ["contact", "list", YOU])
    expect([refused.status, refused.stdout]).toEqual([6, ""])
    expect(refused.stderr).toContain(`the trust records of ${YOU} are gone`)
  })
})
