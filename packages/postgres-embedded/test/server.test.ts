import { execFileSync, spawn, spawnSync } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isAurochsError } from "@aurochs/core"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { embeddedPostgres } from "../src/index.ts"

let base: string
let folder: string
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "aurochs-pg-"))
  execFileSync("chmod", ["711", base])
  folder = join(base, "db")
})
afterEach(async () => {
  const pid = await readFile(join(folder, "data", "postmaster.pid"), "utf8").then(
    (text) => Number(text.split("\n")[0]),
    () => 0,
  )
  // One that is gone already is no matter.
  if (pid > 0) spawnSync("kill", ["-9", String(pid)])
  await rm(base, { recursive: true, force: true })
})

/** Does a PostgreSQL answer there? It answers a request for TLS with one letter. */
function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1")
    socket.once("error", () => resolve(false))
    socket.once("connect", () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])))
    socket.once("data", (data) => {
      socket.destroy()
      resolve(data.toString() === "N")
    })
  })
}

/** The programs' copy is there if the server's user cannot read the installation. */
function nativeCopy(names: readonly string[]): string[] {
  return names.filter((name) => name === "native")
}

/** Pids of the processes that have this in their command line. */
async function processesOf(text: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")))
  return pids.filter((_, index) => lines[index]?.includes(text))
}

const PROGRAM = `
  import { embeddedPostgres } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)}
  const server = await embeddedPostgres({ folder: process.argv[1] })
  console.log(JSON.stringify(server))
  setInterval(() => {}, 1000)`

function startElsewhere(): {
  child: ReturnType<typeof spawn>
  server: Promise<{ url: string; pid: number; adopted: boolean }>
} {
  const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const server = new Promise<{ url: string; pid: number; adopted: boolean }>((resolve) => {
    child.stdout?.once("data", (data: Buffer) => resolve(JSON.parse(data.toString())))
  })
  return { child, server }
}

describe("an embedded PostgreSQL", () => {
  it("starts, stops, keeps its data and its password, and lets nobody else read them", async () => {
    const first = await embeddedPostgres({ folder })
    expect(first.adopted).toBe(false)
    expect(await answers(first.url)).toBe(true)
    expect((await stat(join(folder, "data"))).mode & 0o077).toBe(0)
    expect((await stat(join(folder, "password"))).mode & 0o077).toBe(0)
    await first.stop()
    await first.stop()
    expect(await answers(first.url)).toBe(false)
    const again = await embeddedPostgres({ folder, durable: false })
    expect(new URL(again.url).password).toBe(new URL(first.url).password)
    await again.stop()
  })

  it("outlives a kill -9 of the process that started it, and is adopted and stopped by the next one", async () => {
    const { child, server } = startElsewhere()
    const left = await server
    child.kill("SIGKILL")
    await new Promise((resolve) => child.once("exit", resolve))
    const adopted = await embeddedPostgres({ folder })
    expect(adopted).toMatchObject({ adopted: true, pid: left.pid, url: left.url })
    await adopted.stop()
    expect(await answers(left.url)).toBe(false)
  })

  it("two starters at once share one server", async () => {
    const here = startElsewhere()
    const there = startElsewhere()
    const [a, b] = await Promise.all([here.server, there.server])
    expect(a.pid).toBe(b.pid)
    expect([a.adopted, b.adopted].sort()).toEqual([false, true])
    here.child.kill("SIGKILL")
    there.child.kill("SIGKILL")
  })

  it("clears away an initdb that was interrupted, and ignores the pid file of a dead server and its starter's lock", async () => {
    await mkdir(join(folder, "data.new-killed"), { recursive: true })
    await writeFile(join(folder, "data.new-killed", "PG_VERSION"), "18\n")
    const first = await embeddedPostgres({ folder, durable: false })
    expect((await readdir(folder)).sort()).toEqual([
      "data",
      ...nativeCopy(await readdir(folder)),
      "password",
      "server.log",
    ])
    process.kill(first.pid, "SIGKILL")
    await writeFile(join(folder, "starting"), "999999999")
    const second = await embeddedPostgres({ folder, durable: false })
    expect(second.adopted).toBe(false)
    expect(await answers(second.url)).toBe(true)
    await second.stop()
  })

  it("never removes a database: no file beside it decides, and one that is damaged is refused", async () => {
    const first = await embeddedPostgres({ folder, durable: false })
    await first.stop()
    const before = await stat(join(folder, "data", "PG_VERSION"))
    for (const name of await readdir(folder)) {
      if (name !== "data" && name !== "password") await rm(join(folder, name), { recursive: true })
    }
    const second = await embeddedPostgres({ folder, durable: false })
    expect(new URL(second.url).password).toBe(new URL(first.url).password)
    expect((await stat(join(folder, "data", "PG_VERSION"))).ino).toBe(before.ino)
    await second.stop()
    await rm(join(folder, "data", "PG_VERSION"))
    const error = await embeddedPostgres({ folder, durable: false }).catch((caught: unknown) => caught)
    expect(isAurochsError(error, "BACKEND")).toBe(true)
    expect(await readdir(join(folder, "data"))).toContain("base")
  })

  it("a lock of a process whose pid another one has now does not hold up the start", async () => {
    await mkdir(folder)
    await writeFile(join(folder, "starting"), `${process.pid} 1 another-boot`)
    const server = await embeddedPostgres({ folder, durable: false, signal: AbortSignal.timeout(30_000) })
    await server.stop()
  })

  it.runIf(process.platform === "linux")("an abort ends initdb at once and leaves nothing half-made", async () => {
    const abort = new AbortController()
    const starting = embeddedPostgres({ folder, signal: abort.signal }).catch((caught: unknown) => caught)
    await expect
      .poll(() => readdir(folder).catch(() => []), { interval: 5, timeout: 20_000 })
      .toContainEqual(expect.stringMatching(/^data.new-/))
    const unfinished = (await readdir(folder)).find((name) => name.startsWith("data.new-")) ?? ""
    await expect.poll(() => processesOf(unfinished), { interval: 2 }).not.toEqual([])
    const begin = performance.now()
    abort.abort()
    expect(isAurochsError(await starting, "ABORTED")).toBe(true)
    expect(performance.now() - begin).toBeLessThan(1_500)
    expect(await processesOf(unfinished)).toEqual([])
    expect((await readdir(folder)).filter((name) => /^data|^starting|^password\./.test(name))).toEqual([])
    const server = await embeddedPostgres({ folder, durable: false })
    await server.stop()
  })

  it.runIf(process.platform === "linux")(
    "an abort ends the wait for a server that does not get ready, and the server",
    async () => {
      const data = join(folder, "data")
      await (await embeddedPostgres({ folder, durable: false })).stop()
      // Recovery from an archive that takes its time.
      const settings = await readFile(join(data, "postgresql.auto.conf"), "utf8")
      await writeFile(join(data, "postgresql.auto.conf"), `${settings}restore_command = 'sleep 4; false'\n`)
      await writeFile(join(data, "recovery.signal"), "")
      const abort = new AbortController()
      const starting = embeddedPostgres({ folder, signal: abort.signal }).catch((caught: unknown) => caught)
      await expect.poll(() => readFile(join(data, "postmaster.pid"), "utf8").catch(() => "")).toContain("starting")
      const begin = performance.now()
      abort.abort()
      expect(isAurochsError(await starting, "ABORTED")).toBe(true)
      expect(performance.now() - begin).toBeLessThan(3_500)
      expect(await processesOf(data)).toEqual([])
      await rm(join(data, "recovery.signal"))
      await (await embeddedPostgres({ folder, durable: false })).stop()
    },
  )

  it("stops waiting when aborted", async () => {
    const error = await embeddedPostgres({ folder, signal: AbortSignal.abort() }).catch((caught: unknown) => caught)
    expect(isAurochsError(error, "ABORTED")).toBe(true)
  })

  it.runIf(process.getuid?.() === 0)(
    "as root: says what to do where the database's user cannot get to the folder",
    async () => {
      execFileSync("chmod", ["700", base])
      const error = await embeddedPostgres({ folder }).catch((caught: unknown) => caught)
      if (!isAurochsError(error, "CONFIGURATION")) throw error
      expect(error.message).toContain("/var/lib")
    },
  )
})
