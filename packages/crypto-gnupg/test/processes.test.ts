import { execFileSync } from "node:child_process"
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, describe, expect, it } from "vitest"
import { gnupgAvailable } from "../src/index.ts"
import { toolsOf } from "../src/tools.ts"
import { homes, utf8 } from "./support/homes.ts"
import { missing, program } from "./support/program.ts"

const ALICE = "xmpp:alice@example.org"
const TEXT = "a text that must not appear"
const PASSPHRASE = "a passphrase that must not appear"

describe.skipIf(missing)("processes of gpg", () => {
  const { home, provider } = homes()
  const folders: string[] = []
  afterAll(async () => {
    for (const one of folders) await rm(one, { recursive: true, force: true })
  })

  /** A program in a folder of its own, called `gpg`, that does this and then what gpg does. */
  async function inFrontOfGpg(script: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "gnupg-front-"))
    folders.push(folder)
    const file = join(folder, "gpg")
    await writeFile(file, `#!/bin/sh\n${script}\nexec '${program}' "$@"\n`)
    await chmod(file, 0o700)
    return file
  }

  it("A28: nothing secret is in their arguments or environment, and no setting of the user's", async () => {
    const log = join(await home(), "log")
    const front = await inFrontOfGpg(`{ env; printf '%s\\n' "$@"; } >> '${log}'`)
    const p = await provider({ program: front, passphrase: async () => utf8(PASSPHRASE) })
    const users = { GNUPGHOME: "/elsewhere", LC_ALL: "de_DE.UTF-8", SECRET_OF_THE_APP: "yes" }
    const before = Object.keys(users).map((name) => [name, process.env[name]] as const)
    Object.assign(process.env, users)
    try {
      const { key } = await p.generate({ userId: ALICE })
      const protectedKey = (await p.secrets?.export(key, { passphrase: utf8(PASSPHRASE) })) ?? utf8("")
      await p.importSecret(protectedKey, { passphrase: utf8(PASSPHRASE) })
      const sealed = await p.signcrypt(utf8(TEXT), { recipients: [key.certificate], signWith: key })
      await p.open(sealed, { decryptWith: [key], verifyWith: [] })
      await p.lifecycle?.revoke(key, { reason: "a reason" })
    } finally {
      for (const [name, value] of before) setVariable(name, value)
    }
    const said = await readFile(log, "utf8")
    expect(said).toContain("--sign")
    expect(said).toContain("--decrypt")
    for (const secret of ["must not appear", "/elsewhere", "de_DE", "SECRET_OF_THE_APP"]) {
      expect(said).not.toContain(secret)
    }
    const numbers = said.match(/^-?-?[a-z-]*fd.*$/gm) ?? []
    expect(new Set(numbers)).toEqual(new Set(["--status-fd", "--passphrase-fd", "--command-fd"]))
    expect(new Set(said.match(/^LC_ALL=.*$/gm))).toEqual(new Set(["LC_ALL=C"]))
  })

  it("a call that is aborted ends its process and removes its files", async () => {
    const [folder, pids] = [await mkdtemp(join(tmpdir(), "gnupg-tmp-")), join(await home(), "pids")]
    folders.push(folder)
    // Hangs at decryption, as with a card reader that does not answer.
    const front = await inFrontOfGpg(`case "$*" in *--decrypt*) echo $$ >> '${pids}'; exec sleep 600;; esac`)
    const p = await provider({ program: front })
    const { key } = await p.generate({ userId: ALICE })
    const sealed = await p.encrypt(utf8("x"), { recipients: [key.certificate] })
    const before = process.env.TMPDIR
    process.env.TMPDIR = folder
    try {
      const controller = new AbortController()
      const call = p.open(sealed, { decryptWith: [key], verifyWith: [], signal: controller.signal })
      const ended = call.catch((error: unknown) => error)
      const pid = await eventually(async () => (await readFile(pids, "utf8").catch(() => "")).trim())
      expect(await readdir(folder)).toHaveLength(1)
      controller.abort()
      expect(await ended).toMatchObject({ code: "ABORTED" })
      expect(() => process.kill(Number(pid), 0)).toThrow(/ESRCH/)
      expect(await readdir(folder)).toEqual([])
    } finally {
      setVariable("TMPDIR", before)
    }
  })

  it("one that takes too long, or says too much, is given up", async () => {
    const slow = await inFrontOfGpg(`case "$*" in *--decrypt*) exec sleep 600;; esac`)
    const loud = await inFrontOfGpg(`case "$*" in *--decrypt*) exec yes;; esac`)
    for (const [front, timeoutMs] of [
      [slow, 3_000],
      [loud, 60_000],
    ] as const) {
      const p = await provider({ program: front, timeoutMs })
      const { key } = await p.generate({ userId: ALICE })
      const sealed = await p.encrypt(utf8("x"), { recipients: [key.certificate] })
      const call = p.open(sealed, { decryptWith: [key], verifyWith: [] })
      await expect(call).rejects.toMatchObject({ code: "BACKEND" })
      await expect(call).rejects.toThrow(front === slow ? /too long/ : /more than it should/)
    }
  })

  it("there are never more than maxProcesses of them at once", async () => {
    const running = await mkdtemp(join(tmpdir(), "gnupg-running-"))
    folders.push(running)
    const front = await inFrontOfGpg(
      `case "$*" in *--encrypt*) touch '${running}'/$$; ls '${running}' | wc -l >> '${running}.log'
       '${program}' "$@"; code=$?; rm '${running}'/$$; exit $code;; esac`,
    )
    folders.push(`${running}.log`)
    const p = await provider({ program: front, maxProcesses: 3 })
    const { key } = await p.generate({ userId: ALICE })
    await Promise.all(Array.from({ length: 12 }, () => p.encrypt(utf8("x"), { recipients: [key.certificate] })))
    const counts = (await readFile(`${running}.log`, "utf8")).trim().split(/\s+/).map(Number)
    expect(counts).toHaveLength(12)
    expect(Math.max(...counts)).toBeGreaterThan(1)
    expect(Math.max(...counts)).toBeLessThanOrEqual(3)
  })

  it("the agent that a provider started ends with it, and one that was there stays", async () => {
    const homedir = await home()
    const first = await provider({ homedir })
    await first.generate({ userId: ALICE })
    const agent = agentOf(homedir)
    expect(agent).toMatch(/^\d+$/)
    const second = await provider({ homedir })
    await second.generate({ userId: "xmpp:bob@example.org" })
    await second[Symbol.asyncDispose]()
    expect(agentOf(homedir)).toBe(agent)
    await first[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    await eventually(async () => (agentOf(homedir) === undefined ? "gone" : ""))
    // A provider that was disposed still works: it starts another one, and ends it when it is disposed again.
    await first.generate({ userId: "xmpp:carol@example.org" })
    expect(agentOf(homedir)).toBeDefined()
  })
})

describe("gnupgAvailable", () => {
  it("tells a version, or why there is none", async (context) => {
    const nothing = await mkdtemp(join(tmpdir(), "gnupg-none-"))
    const gone = await gnupgAvailable({ program: join(nothing, "gpg") })
    expect(gone).toEqual({ usable: false, because: expect.stringContaining("not installed") })
    await expect(gnupgAvailable({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" })
    await mkdir(join(nothing, "old"))
    const old = join(nothing, "old", "gpg")
    await writeFile(old, "#!/bin/sh\necho 'gpg (GnuPG) 1.4.23'\n", { mode: 0o700 })
    expect(await gnupgAvailable({ program: old })).toMatchObject({ usable: false, because: /too old/ })
    await rm(nothing, { recursive: true })
    if (missing !== undefined) return context.skip(missing)
    expect(await gnupgAvailable({ program })).toEqual({ usable: true, version: expect.stringMatching(/^2\.\d+\.\d+/) })
  })
})

/** Process id of the agent that listens in this homedir. */
function agentOf(home: string): string | undefined {
  const args = ["--homedir", home, "--no-autostart", "GETINFO pid", "/bye"]
  const said = execFileSync(toolsOf(program ?? "gpg").connect, args, { stdio: ["ignore", "pipe", "ignore"] }).toString()
  return /^D (\d+)/m.exec(said)?.[1]
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

async function eventually(question: () => Promise<string>): Promise<string> {
  for (let i = 0; i < 500; i++) {
    const answer = await question()
    if (answer !== "") return answer
    await sleep(20)
  }
  throw new Error("it did not happen")
}
