import { cp, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { debianPrograms, type Programs } from "@aurochs/debian-programs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { removeFolder, temporaryFolder } from "./rig/folder.ts"
import { run } from "./rig/processes.ts"

const PROGRAM = fileURLToPath(new URL("../apps/cli/dist/main.js", import.meta.url))
const CAPTURES = fileURLToPath(new URL("../vectors/captures", import.meta.url))
const NOW = "2026-11-23T02:14:40Z"

let folder: string
let programs: Programs
beforeAll(async () => {
  folder = await temporaryFolder("cli")
  programs = await debianPrograms({ gpg: "gnupg", gpgconf: "gnupg" })
  for (const user of ["alice", "bob", "bot"]) {
    const secret = join(CAPTURES, "keys", `${user}.sec.gpg`)
    const { code, stderr } = await cli("key", "import", secret, "--jid", `${user}@ox.test`, "--no-passphrase")
    if (code !== 0) throw new Error(stderr)
  }
}, 180_000)
afterAll(async () => {
  await run("gpgconf", ["--kill", "all"], { env: { ...process.env, GNUPGHOME: join(folder, "gnupg") } })
  await removeFolder(folder)
})

async function cli(...args: readonly string[]) {
  return withInput("", ...args)
}

async function withInput(input: string | Uint8Array, ...args: readonly string[]) {
  const env = { ...process.env, AUROCHS_HOME: join(folder, "home"), AUROCHS_PASSPHRASE: "", AUROCHS_PASSWORD: "" }
  return run(process.execPath, [PROGRAM, ...args], { input, env })
}

const certificate = (user: string) => join(CAPTURES, "keys", `${user}.pub.gpg`)
const capture = (name: string) => readFile(join(CAPTURES, name), "utf8")

interface Opened {
  readonly kind: string
  readonly body?: string
  readonly check?: string
  readonly reason?: string
  readonly signedBy?: string
  readonly unverifiedBody?: string
}

async function open(stanza: string, as: string, ...args: readonly string[]): Promise<{ code: number; result: Opened }> {
  const { code, stdout, stderr } = await withInput(stanza, "open", "--as", `${as}@ox.test`, "--now", NOW, ...args)
  if (stdout === "") throw new Error(stderr)
  return { code, result: JSON.parse(stdout) as Opened }
}

const CASES = [
  { file: "00-profanity-alice-to-bob.xml", from: "alice", to: "bob", other: "bot" },
  { file: "01-profanity-bob-to-alice.xml", from: "bob", to: "alice", other: "bot" },
  { file: "03-profanity-alice-to-bot.xml", from: "alice", to: "bot", other: "bob" },
  { file: "06-gosendxmpp-bot-to-alice.xml", from: "bot", to: "alice", other: "bob" },
]

describe.each(CASES)("aurochs open: $file", ({ file, from, to, other }) => {
  it("R15, R16, R17, R19: is secure", async () => {
    const { code, result } = await open(await capture(file), to, "--cert", certificate(from))
    expect([code, result.kind]).toEqual([0, "secure"])
    expect(result.body).toBeTruthy()
    expect(result.signedBy).toMatch(/^[0-9A-F]{40}$/)
  })

  it("R19: is rejected with another recipient", async () => {
    const { code, result } = await open(
      await capture(file),
      to,
      "--cert",
      certificate(from),
      "--to",
      `${other}@ox.test`,
    )
    expect([code, result.kind, result.check, result.body]).toEqual([3, "rejected", "recipient", undefined])
  })

  it("R16: is unverified without the signer's certificate", async () => {
    const { code, result } = await open(await capture(file), to, "--cert", certificate(other))
    expect([code, result.kind, result.reason, result.body]).toEqual([3, "unverified", "unknown-key", undefined])
    expect((await open(await capture(file), to)).result.reason).toBe("unknown-key")
  })

  it("R17: is not accepted from another sender", async () => {
    const { code, result } = await open(
      await capture(file),
      to,
      "--cert",
      certificate(from),
      "--from",
      `${other}@ox.test`,
    )
    expect(code).toBe(3)
    expect(["rejected", "unverified"]).toContain(result.kind)
    expect(result.body).toBeUndefined()
  })

  it("R15: is rejected with one flipped byte", async () => {
    const stanza = await capture(file)
    const [base64 = ""] = /(?<=urn:xmpp:openpgp:0'>)[^<]{200,}/.exec(stanza) ?? []
    const bytes = Buffer.from(base64, "base64")
    const at = bytes.length - 100
    bytes[at] = (bytes[at] ?? 0) ^ 1
    const { code, result } = await open(
      stanza.replace(base64, bytes.toString("base64")),
      to,
      "--cert",
      certificate(from),
    )
    expect([code, result.kind, result.body]).toEqual([3, "rejected", undefined])
  })

  it("R20: is rejected when it is old and nobody stamped it", async () => {
    const late = await withInput(
      await capture(file),
      "open",
      "--as",
      `${to}@ox.test`,
      "--cert",
      certificate(from),
      "--now",
      "2027-11-23T02:14:40Z",
    )
    expect(JSON.parse(late.stdout)).toMatchObject({ kind: "rejected", check: "time" })
  })
})

describe("aurochs seal", () => {
  it("R2, R3, I4: gpg decrypts the raw message and finds a good signature", async () => {
    const gnupg = join(folder, "gnupg")
    const env = { ...process.env, ...programs.env, GNUPGHOME: gnupg }
    await run("mkdir", ["-m", "700", gnupg])
    const keys = [join(CAPTURES, "keys", "bob.sec.gpg"), certificate("alice")]
    await run(programs.path("gpg"), ["--batch", "--import", ...keys], { env })
    const file = join(folder, "raw.pgp")
    const from = ["--from", "alice@ox.test", "--to", "bob@ox.test", "--cert", certificate("bob")]
    const sealed = await run(
      "/bin/sh",
      ["-c", '"$@" > "$OUT"', "sh", process.execPath, PROGRAM, "seal", ...from, "--body", "grüße <&>", "--raw"],
      {
        env: { ...env, AUROCHS_HOME: join(folder, "home"), OUT: file },
      },
    )
    expect(sealed).toMatchObject({ code: 0, stderr: "" })
    const { code, stdout, stderr } = await run(
      programs.path("gpg"),
      ["--batch", "--trust-model", "always", "--decrypt", file],
      { env },
    )
    expect(code).toBe(0)
    expect(stderr).toMatch(/Good signature from "xmpp:alice@ox\.test"/)
    expect(stdout).toMatch(
      /^<signcrypt xmlns='urn:xmpp:openpgp:0'><to jid='bob@ox\.test'\/><time stamp='[-0-9T:]+Z'\/><rpad>/,
    )
    expect(stdout).toContain("<body xmlns='jabber:client'>grüße &lt;&amp;></body>")
  })

  it("makes a stanza that open finds secure, with payload from standard input", async () => {
    const args = ["--from", "bob@ox.test", "--to", "alice@ox.test", "--cert", certificate("alice")]
    const payload = "<body xmlns='jabber:client'>one</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
    const { stdout, code } = await withInput(payload, "seal", ...args)
    expect(code).toBe(0)
    const opened = await withInput(stdout, "open", "--as", "alice@ox.test", "--cert", certificate("bob"))
    expect(JSON.parse(opened.stdout)).toMatchObject({
      kind: "secure",
      body: "one",
      payload: [expect.stringContaining("<body"), expect.stringContaining("<active")],
    })
    // The sender reads it, too.
    const own = await withInput(stdout, "open", "--as", "bob@ox.test")
    expect(JSON.parse(own.stdout)).toMatchObject({ kind: "secure", body: "one" })
  })

  it("reads certificates that are armored or bare Base64", async () => {
    const bytes = await readFile(certificate("alice"))
    await writeFile(join(folder, "bare"), `${bytes.toString("base64")}\n`)
    const armored = await cli("key", "export", "--account", "alice@ox.test", "--armor")
    await writeFile(join(folder, "armored"), armored.stdout)
    expect(armored.stdout).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/)
    const gpg = await run(programs.path("gpg"), ["--batch", "--show-keys", join(folder, "armored")], {
      env: { ...process.env, ...programs.env },
    })
    expect([gpg.code, gpg.stderr]).toEqual([0, expect.not.stringMatching(/CRC|error/i)])
    expect(gpg.stdout).toContain("xmpp:alice@ox.test")
    for (const name of ["bare", "armored"]) {
      const args = ["--from", "bob@ox.test", "--to", "alice@ox.test", "--cert", join(folder, name), "--body", "x"]
      expect(await cli("seal", ...args)).toMatchObject({ code: 0 })
    }
  })

  it("exit codes: 2 for a mistake, 4 without a key, each in one line without a stack trace", async () => {
    const none = await cli(
      "seal",
      "--from",
      "nobody@ox.test",
      "--to",
      "bob@ox.test",
      "--cert",
      certificate("bob"),
      "--body",
      "x",
    )
    expect(none.code).toBe(4)
    expect(none.stderr).toMatch(/aurochs key generate --jid nobody@ox\.test/)
    const wrong = await cli(
      "seal",
      "--from",
      "alice@ox.test",
      "--to",
      "bob@ox.test",
      "--cert",
      certificate("alice"),
      "--body",
      "x",
    )
    expect(wrong.code).toBe(4)
    const jid = await cli("seal", "--from", "a@@b", "--to", "bob@ox.test", "--cert", certificate("bob"), "--body", "x")
    expect(jid.code).toBe(2)
    const missing = await cli("open")
    expect(missing.code).toBe(2)
    for (const { stderr } of [none, wrong, jid]) expect(stderr.trim().split("\n")).toHaveLength(1)
    expect((await cli("--help")).stdout).toMatch(/Exit codes: 0 done, 1 unexpected, 2 usage/)
  })
})

describe("aurochs key", () => {
  it("R53: generates a key with one User ID, and shows it", async () => {
    await cp(join(folder, "home"), join(folder, "home2"), { recursive: true })
    const { code, stdout } = await cli("key", "generate", "--jid", "new@ox.test", "--no-passphrase", "--json")
    expect(code).toBe(0)
    const { fingerprint } = JSON.parse(stdout) as { fingerprint: string }
    const shown = await cli("key", "show", "--account", "new@ox.test", "--json")
    expect(JSON.parse(shown.stdout)).toMatchObject({
      fingerprint,
      userIds: [{ text: "xmpp:new@ox.test", status: "valid" }],
    })
  })

  it("protects a key with a passphrase that never shows in an argument", async () => {
    await writeFile(join(folder, "phrase"), "correct horse\n")
    const made = await cli("key", "generate", "--jid", "safe@ox.test", "--passphrase-file", join(folder, "phrase"))
    expect(made.code).toBe(0)
    const args = ["seal", "--from", "safe@ox.test", "--to", "bob@ox.test", "--cert", certificate("bob"), "--body", "x"]
    expect((await cli(...args)).code).toBe(2)
    expect((await cli(...args, "--passphrase-file", join(folder, "phrase"))).code).toBe(0)
    await writeFile(join(folder, "phrase"), "wrong\n")
    expect((await cli(...args, "--passphrase-file", join(folder, "phrase"))).code).toBe(3)
  })

  it("refuses a key of another account", async () => {
    const { code, stderr } = await cli(
      "key",
      "import",
      join(CAPTURES, "keys", "bob.sec.gpg"),
      "--jid",
      "carol@ox.test",
      "--no-passphrase",
    )
    expect(code).toBe(2)
    expect(stderr).toContain("xmpp:carol@ox.test")
  })
})
