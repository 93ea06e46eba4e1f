import { spawn } from "node:child_process"
import { open, readFile, rm, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { AurochsError, type CallOptions, throwIfAborted } from "@aurochs/core"
import { type Binaries, binaries } from "./binaries.ts"
import { clusterPassword, ensureCluster, type Layout, layout, prepareFolder, USER } from "./cluster.ts"
import { accepts, ENVIRONMENT, freePort, isAlive, type Owner, serverOwner, servesFolder } from "./process.ts"

/** A server that runs. */
export interface EmbeddedPostgres {
  /** `postgres://…@127.0.0.1:PORT/postgres`, password included: never log it. */
  readonly url: string
  readonly pid: number
  /** It ran already: another process of ours uses it, or a kill left it behind. */
  readonly adopted: boolean
  /** Stops it (a fast shutdown), also if it was adopted; the data stays. Again: nothing happens. */
  stop(): Promise<void>
}

/** Where and how. */
export interface EmbeddedPostgresOptions extends CallOptions {
  /** Data, password and log are kept here. */
  readonly folder: string
  /** False: faster, and a power failure may destroy the data; for tests. True by default. */
  readonly durable?: boolean | undefined
}

/** To start or to be adopted, another starter's work included; recovery after a crash may take a while. */
const START_TIMEOUT_MS = 60_000

/**
 * Starts a real PostgreSQL server on 127.0.0.1, on a free port, with its data in a folder of yours; or adopts the one
 * that serves this folder already. It outlives a crash of this process, so that nothing is lost, and is then adopted at
 * the next start.
 *
 * @throws {AurochsError} `UNSUPPORTED` (no binaries for this platform), `CONFIGURATION` (`folder`), `BACKEND`, `ABORTED`
 */
export async function embeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const paths = layout(resolve(options.folder))
  const durable = options.durable ?? true
  const owner = serverOwner()
  await prepareFolder(paths, owner)
  const programs = await binaries(owner, paths.native)
  const until = Date.now() + START_TIMEOUT_MS
  for (;;) {
    throwIfAborted(options)
    const running = await adopt(paths)
    if (running !== undefined) return running
    if (await takeLock(paths.lock)) {
      try {
        // Whoever had the lock before may have started it in the meantime.
        return (await adopt(paths)) ?? (await launch(paths, programs, owner, durable, until))
      } finally {
        await rm(paths.lock, { force: true })
      }
    }
    if (Date.now() > until) throw late(paths)
    await sleep(50)
  }
}

/** The server that serves this folder already, if it is ready. */
async function adopt(paths: Layout): Promise<EmbeddedPostgres | undefined> {
  const status = await readStatus(paths)
  if (status === undefined || status.state !== "ready") return undefined
  const { pid, port } = status
  if (!(await servesFolder(pid, paths.data)) || !(await accepts(port))) return undefined
  return handle(paths, pid, port, true)
}

async function launch(
  paths: Layout,
  programs: Binaries,
  owner: Owner,
  durable: boolean,
  until: number,
): Promise<EmbeddedPostgres> {
  await ensureCluster(paths, programs, owner, durable)
  const port = await freePort()
  const settings = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=50",
    ...(durable ? [] : ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]),
  ]
  const log = await open(paths.log, "a")
  // In a session of its own: a Ctrl-C at the terminal is for this program, which then stops the server in order.
  const child = spawn(programs.postgres, ["-D", paths.data, ...settings.flatMap((setting) => ["-c", setting])], {
    ...owner,
    cwd: paths.data,
    env: ENVIRONMENT,
    stdio: ["ignore", log.fd, log.fd],
    detached: durable,
  })
  const ended = new Promise<"ended">((done) => {
    child.once("error", () => done("ended"))
    child.once("exit", () => done("ended"))
  })
  await log.close()
  child.unref()
  if (!durable) process.once("exit", () => child.kill("SIGKILL"))
  for (;;) {
    const state = await Promise.race([ended, readStatus(paths)])
    if (state === "ended")
      throw new AurochsError("BACKEND", `the database did not start: see ${paths.log}`, { backend: "postgres" })
    if (state?.pid === child.pid && state?.state === "ready" && (await accepts(port))) {
      return handle(paths, state.pid, port, false)
    }
    if (Date.now() > until) {
      child.kill("SIGKILL")
      throw late(paths)
    }
    await sleep(20)
  }
}

async function handle(paths: Layout, pid: number, port: number, adopted: boolean): Promise<EmbeddedPostgres> {
  const password = await clusterPassword(paths)
  return {
    url: `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`,
    pid,
    adopted,
    async stop() {
      if (!(await servesFolder(pid, paths.data))) return
      process.kill(pid, "SIGINT")
      for (let waitedMs = 0; isRunning(await state(pid)); waitedMs += 20) {
        if (waitedMs > 30_000) process.kill(pid, "SIGQUIT")
        await sleep(20)
      }
    },
  }
}

/** A child that ended and was not waited for yet counts as gone. */
async function state(pid: number): Promise<"gone" | "zombie" | "running"> {
  if (!isAlive(pid)) return "gone"
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")
  return /\) Z /.test(text) ? "zombie" : "running"
}

function isRunning(value: Awaited<ReturnType<typeof state>>): boolean {
  return value === "running"
}

/** `postmaster.pid`: pid, data folder, start, port, socket folder, address, shared memory, status. */
async function readStatus(paths: Layout): Promise<{ pid: number; port: number; state: string } | undefined> {
  try {
    const lines = (await readFile(join(paths.data, "postmaster.pid"), "utf8")).split("\n")
    return { pid: Number(lines[0]), port: Number(lines[3]), state: (lines[7] ?? "").trim() }
  } catch {
    return undefined
  }
}

/** One starter at a time; a lock whose holder is dead is taken over. */
async function takeLock(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: "wx", mode: 0o600 })
    return true
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  }
  const holder = Number(await readFile(file, "utf8").catch(() => ""))
  if (holder > 0 && !isAlive(holder)) await rm(file, { force: true })
  return false
}

function late(paths: Layout): AurochsError<"BACKEND"> {
  return new AurochsError("BACKEND", `the database was not ready in time: see ${paths.log}`, { backend: "postgres" })
}
