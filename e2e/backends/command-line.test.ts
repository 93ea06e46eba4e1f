import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { delimiter, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { programOr } from "@aurochs/debian-programs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { engines } from "../rig/engines.ts"
import { removeFolder, temporaryFolder } from "../rig/folder.ts"
import { run, start } from "../rig/processes.ts"

const PROGRAM = fileURLToPath(new URL("../../apps/cli/dist/main.js", import.meta.url))
const CAPTURES = fileURLToPath(new URL("../../vectors/captures", import.meta.url))
const all = process.env.AUROCHS_ALL_BACKENDS !== undefined

let home: string
let reasons: Record<string, string>
beforeAll(async () => {
  home = await temporaryFolder("backends")
  for (const user of ["alice", "bob", "bot"]) {
    const secret = join(CAPTURES, "keys", `${user}.sec.gpg`)
    const { code, stderr } = await cli([], "key", "import", secret, "--jid", `${user}@ox.test`, "--no-passphrase")
    if (code !== 0) throw new Error(stderr)
  }
  // Makes sure that the programs are there, or says why not.
  const unusable = Object.entries(engines).map(async ([name, make]) => {
    const made = await make()
    if (made.missing === undefined) await made[Symbol.asyncDispose]()
    return made.missing === undefined ? [] : [[name, made.missing] as const]
  })
  reasons = Object.fromEntries((await Promise.all(unusable)).flat())
}, 300_000)
afterAll(() => removeFolder(home))

function cli(global: readonly string[], ...args: readonly string[]) {
  return withInput("", global, ...args)
}

function withInput(input: string, global: readonly string[], ...args: readonly string[]) {
  const env = { ...process.env, AUROCHS_HOME: join(home, "home"), AUROCHS_PASSPHRASE: "", AUROCHS_PASSWORD: "" }
  return run(process.execPath, [PROGRAM, ...global, ...args], { input, env })
}

/** Something that arrives, and what is known of its sender. */
interface Arrival {
  readonly title: string
  readonly file: string
  readonly as: string
  readonly cert: string
  readonly flags?: readonly string[]
  readonly changed?: (stanza: string) => string
}

/** One byte of the OpenPGP message is another. */
function flipped(stanza: string): string {
  const [base64 = ""] = /(?<=urn:xmpp:openpgp:0'>)[^<]{200,}/.exec(stanza) ?? []
  const bytes = Buffer.from(base64, "base64")
  const at = bytes.length - 100
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return stanza.replace(base64, bytes.toString("base64"))
}

const captures = [
  { file: "03-profanity-alice-to-bot.xml", by: "Profanity", from: "alice", as: "bot", other: "bob" },
  { file: "06-gosendxmpp-bot-to-alice.xml", by: "go-sendxmpp", from: "bot", as: "alice", other: "bob" },
  { file: "00-profanity-alice-to-bob.xml", by: "Profanity", from: "alice", as: "bob", other: "bot" },
  { file: "01-profanity-bob-to-alice.xml", by: "Profanity", from: "bob", as: "alice", other: "bot" },
]
const arrivals: Arrival[] = captures.slice(0, all ? undefined : 1).flatMap(({ file, by, from, as, other }) => {
  const base = { file, as, cert: from }
  return [
    { ...base, title: `${by}, ${from} to ${as}: as it came` },
    { ...base, title: `${by}, ${from} to ${as}: to somebody else`, flags: ["--to", `${other}@ox.test`] },
    { ...base, title: `${by}, ${from} to ${as}: another's certificate`, cert: other },
    { ...base, title: `${by}, ${from} to ${as}: one byte flipped`, changed: flipped },
    {
      ...base,
      title: `${by}, ${from} to ${as}: read by somebody else`,
      as: other,
      flags: ["--to", `${other}@ox.test`],
    },
  ]
})

async function opened({ file, as, cert, flags = [], changed = (text) => text }: Arrival, backend: string) {
  const stanza = changed(await readFile(join(CAPTURES, file), "utf8"))
  const known = ["--cert", join(CAPTURES, "keys", `${cert}.pub.gpg`)]
  const { code, stdout, stderr } = await withInput(
    stanza,
    ["--backend", backend],
    ...["open", "--as", `${as}@ox.test`, "--now", "2026-11-23T02:14:40Z", ...known, ...flags],
  )
  if (stdout === "") throw new Error(stderr)
  return { code, answer: JSON.parse(stdout) as { kind: string } }
}

const expected = new Map<Arrival, Awaited<ReturnType<typeof opened>>>()

describe.each(Object.keys(engines).slice(1))("aurochs --backend %s open", (backend) => {
  // By position: a title by name would be cut.
  it.for(arrivals.map((arrival) => [arrival.title, arrival] as const))(
    "%s",
    { timeout: 60_000 },
    async ([, arrival], { skip }) => {
      const reason = reasons[backend]
      if (reason !== undefined) return skip(reason)
      const want = expected.get(arrival) ?? (await opened(arrival, "openpgpjs"))
      expected.set(arrival, want)
      const got = await opened(arrival, backend)
      expect(got).toEqual(want)
      expect([got.answer.kind, got.code]).toEqual(
        arrival.title.endsWith("as it came") ? ["secure", 0] : [got.answer.kind, 3],
      )
    },
  )
})

describe("aurochs backends", () => {
  it("lists what can be used here, and says why the others cannot", async () => {
    const { code, stdout } = await cli(["--json"], "backends")
    expect(code).toBe(0)
    const listed = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(engines)))
    for (const { name, usable, version, because } of listed) {
      expect(typeof (usable ? version : because), String(name)).toBe("string")
    }
  })

  it("an engine that is unknown or not there is a usage error that says what to do", async () => {
    const { code, stderr } = await cli(["--backend", "nettle"], "key", "show")
    expect([code, stderr]).toEqual([2, expect.stringContaining("aurochs backends")])
    const absent = await cli(["--backend", "sop:no-such-program"], "key", "show")
    expect([absent.code, absent.stderr]).toEqual([2, expect.stringMatching(/cannot be used here.*no-such-program/)])
    expect(absent.stderr).not.toMatch(/^ {4}at /m)
  })

  it("a program that tells no session keys is said to be one, where it is listed and where it is used", async ({
    skip,
  }) => {
    const real = reasons["sop:sqop"] === undefined ? await programOr("sqop", "sqop") : { missing: reasons["sop:sqop"] }
    if (real.missing !== undefined) return skip(real.missing)
    const front = join(home, "silent")
    await mkdir(front)
    // 37: an option that is not supported.
    const refuse = 'case "$*" in *session-key-out*) exit 37;; esac'
    await writeFile(join(front, "sqop"), `#!/bin/sh\n${refuse}\nexec '${real.path}' "$@"\n`, { mode: 0o755 })
    const env = {
      ...process.env,
      ...real.env,
      PATH: [front, real.env.PATH ?? process.env.PATH].join(delimiter),
      AUROCHS_HOME: join(home, "home"),
      AUROCHS_PASSPHRASE: "",
    }
    const told = expect.stringContaining("tells no session keys")
    const listed = await run(process.execPath, [PROGRAM, "backends"], { env })
    expect([listed.code, listed.stdout]).toEqual([0, told])
    const cert = (user: string) => ["--cert", join(CAPTURES, "keys", `${user}.pub.gpg`)]
    const to = ["--from", "alice@ox.test", "--to", "bob@ox.test", ...cert("bob"), "--body", "hi"]
    const input = (await cli([], "seal", ...to)).stdout
    const open = ["--backend", "sop:sqop", "open", "--as", "bob@ox.test"]
    const good = await run(process.execPath, [PROGRAM, ...open, ...cert("alice")], { env, input })
    expect([good.code, good.stderr, JSON.parse(good.stdout)]).toEqual([
      0,
      told,
      expect.objectContaining({ kind: "secure" }),
    ])
    const none = await run(process.execPath, [PROGRAM, ...open], { env, input })
    expect([none.code, JSON.parse(none.stdout)]).toEqual([3, expect.objectContaining({ kind: "unverified" })])
    const full = await cli(["--backend", "sop:sqop"], "backends")
    expect([full.stdout, full.stderr]).toEqual([expect.not.stringContaining("tells no"), ""])
  })

  it("a key that stays in GnuPG's folder signs and opens from there, and nowhere else", async ({ skip }) => {
    if (reasons.gnupg !== undefined) return skip(reasons.gnupg)
    const gnupgHome = join(home, "gnupg")
    const gnupg = ["--backend", "gnupg", "--gnupg-home", gnupgHome]
    const secret = join(CAPTURES, "keys", "alice.sec.gpg")
    await mkdir(gnupgHome, { mode: 0o700 })
    await run("gpg", ["--batch", "--homedir", gnupgHome, "--import", secret], { env: process.env })
    const shown = await run("gpg", ["--batch", "--homedir", gnupgHome, "--with-colons", "-K"], { env: process.env })
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(shown.stdout)?.[1] ?? ""
    const elsewhere = join(home, "no-keys-here")
    const other = (...args: string[]) => cli([...gnupg, "--home", elsewhere], ...args)
    expect((await other("key", "use", fingerprint, "--jid", "eve@ox.test")).code).toBe(2)
    expect((await other("key", "use", fingerprint, "--jid", "alice@ox.test")).code).toBe(0)
    const cert = join(CAPTURES, "keys", "bob.pub.gpg")
    const sealed = await other("seal", "--from", "alice@ox.test", "--to", "bob@ox.test", "--cert", cert, "--body", "hi")
    expect(sealed.code).toBe(0)
    const alice = join(CAPTURES, "keys", "alice.pub.gpg")
    const read = await withInput(sealed.stdout, [], "open", "--as", "bob@ox.test", "--cert", alice)
    expect(JSON.parse(read.stdout)).toMatchObject({ kind: "secure", body: "hi", signedBy: fingerprint })
    const without = await cli(
      ["--home", elsewhere],
      "seal",
      "--from",
      "alice@ox.test",
      "--to",
      "bob@ox.test",
      "--cert",
      cert,
      "--body",
      "hi",
    )
    expect(without.code).toBe(4)
    await run("gpgconf", ["--homedir", gnupgHome, "--kill", "all"], { env: process.env })
  })
})

describe("a command that a signal ends while its engine works", () => {
  it.for([
    ["gnupg", "gpg", "SIGTERM", 143],
    ["gnupg", "gpg", "SIGINT", 130],
    ["sop:sqop", "sqop", "SIGTERM", 143],
    ["sop:sqop", "sqop", "SIGHUP", 129],
  ] as const)(
    "%s leaves no secret key, no %s and no agent behind: %s",
    async ([backend, program, signal, code], { skip }) => {
      if (reasons[backend] !== undefined) return skip(reasons[backend])
      const real = await programOr(program, program)
      if (real.missing !== undefined) return skip(real.missing)
      const folder = join(home, `${program}-${signal}`)
      const [front, temporary, pids] = [join(folder, "bin"), join(folder, "tmp"), join(folder, "pids")]
      for (const one of [front, temporary]) await mkdir(one, { recursive: true })
      // Hangs at the message; what tries the program out first has no key but its own.
      const hang = `case "$*" in *decrypt*) if [ -e '${folder}/tried' ] || [ ${program} = gpg ]; then echo $$ > '${pids}'; exec sleep 600; fi; : > '${folder}/tried';; esac`
      await writeFile(join(front, program), `#!/bin/sh\n${hang}\nexec '${real.path}' "$@"\n`, { mode: 0o755 })
      const env = {
        ...process.env,
        ...real.env,
        PATH: [front, real.env.PATH ?? process.env.PATH].join(delimiter),
        TMPDIR: temporary,
        AUROCHS_HOME: join(home, "home"),
        AUROCHS_PASSPHRASE: "",
      }
      const cert = join(CAPTURES, "keys", "alice.pub.gpg")
      const args = [
        "--backend",
        backend,
        "open",
        "--as",
        "bot@ox.test",
        "--now",
        "2026-11-23T02:14:40Z",
        "--cert",
        cert,
      ]
      const command = start(process.execPath, [PROGRAM, ...args], { env })
      command.child.stdin?.end(await readFile(join(CAPTURES, "03-profanity-alice-to-bot.xml")))
      const pid = Number(await eventually(() => readFile(pids, "utf8").catch(() => "")))
      expect(await readdir(temporary)).not.toEqual([])
      await command.stop(signal)
      expect([await command.ended, await readdir(temporary)]).toEqual([code, []])
      await eventually(async () => (isRunning(pid) ? "" : "gone"))
      expect(await commandsThatName(temporary)).toEqual([])
    },
  )
})

/** What is running with this in its arguments; nothing where the system has no /proc. */
async function commandsThatName(text: string): Promise<string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name))
  const commands = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""))
  return (await Promise.all(commands)).filter((command) => command.includes(text))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function eventually(question: () => Promise<string>): Promise<string> {
  for (let i = 0; i < 1_000; i++) {
    const answer = (await question()).trim()
    if (answer !== "") return answer
    await sleep(20)
  }
  throw new Error("it did not happen")
}
