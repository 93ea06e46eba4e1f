import { execFileSync, spawn } from "node:child_process"
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
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
  if (pid > 0) process.kill(pid, "SIGKILL")
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

  it("makes a cluster anew whose initdb was interrupted, and ignores the pid file of a dead server", async () => {
    const first = await embeddedPostgres({ folder, durable: false })
    process.kill(first.pid, "SIGKILL")
    await rm(join(folder, "initialised"))
    const second = await embeddedPostgres({ folder, durable: false })
    expect(second.adopted).toBe(false)
    process.kill(second.pid, "SIGKILL")
    await writeFile(join(folder, "starting"), "999999999")
    const third = await embeddedPostgres({ folder, durable: false })
    expect(await answers(third.url)).toBe(true)
    await third.stop()
  })

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
