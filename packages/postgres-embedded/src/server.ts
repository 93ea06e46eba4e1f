import { type ChildProcess, spawn } from "node:child_process"
import { open, readFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { AurochsError, type CallOptions, throwIfAborted } from "@aurochs/core"
import { binaries } from "./binaries.ts"
import { clusterPassword, ensureCluster, type Layout, layout, prepareFolder, USER } from "./cluster.ts"
import { processLock } from "./lock.ts"
import { accepts, ENVIRONMENT, freePort, isAlive, type Owner, serverOwner, servesFolder, tell } from "./process.ts"

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
  const call: CallOptions = options.signal === undefined ? {} : { signal: options.signal }
  const owner = serverOwner()
  await prepareFolder(paths, owner, call)
  const until = Date.now() + START_TIMEOUT_MS
  for (;;) {
    throwIfAborted(call)
    const running = await adopt(paths)
    if (running !== undefined) return running
    const lock = await processLock(paths.lock)
    if (lock.kind === "taken") {
      await using _held = lock
      // Whoever had the lock before may have started it in the meantime.
      return (await adopt(paths)) ?? (await launch(paths, owner, options.durable ?? true, until, call))
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
  owner: Owner,
  durable: boolean,
  until: number,
  options: CallOptions,
): Promise<EmbeddedPostgres> {
  const programs = await binaries(owner, paths.native, options)
  await ensureCluster(paths, programs, owner, durable, options)
  const port = await freePort()
  const settings = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=50",
    ...QUIET,
    ...(durable ? [] : ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]),
  ]
  throwIfAborted(options)
  const log = await open(paths.log, "a", 0o600)
  // In a session of its own: a Ctrl-C at the terminal is for this program, which then stops the server in order.
  const child = spawn(programs.postgres, ["-D", paths.data, ...settings.flatMap((setting) => ["-c", setting])], {
    ...owner,
    cwd: paths.data,
    env: ENVIRONMENT,
    stdio: ["ignore", log.fd, log.fd],
    detached: durable,
  })
  let ended = false
  const kill = () => child.kill("SIGKILL")
  const end = () => {
    ended = true
    process.off("exit", kill)
  }
  child.once("error", end)
  child.once("exit", end)
  await log.close()
  child.unref()
  if (!durable && !ended) process.once("exit", kill)
  while (!ended) {
    const status = await readStatus(paths)
    if (status?.pid === child.pid && status?.state === "ready" && (await accepts(port))) {
      return handle(paths, status.pid, port, false)
    }
    const tooLate = Date.now() > until
    if (tooLate || options.signal?.aborted) {
      await giveUp(child, () => ended)
      throwIfAborted(options)
      throw late(paths)
    }
    await sleep(20)
  }
  throw new AurochsError("BACKEND", `the database did not start: see ${paths.log}`, { backend: "postgres" })
}

/** Statements and their values are the caller's: no error repeats them in the log. The client is told everything. */
const QUIET: readonly string[] = [
  "log_statement=none",
  "log_min_error_statement=panic",
  "log_error_verbosity=terse",
  // The messages themselves may quote a value; at this level there are those of the server, and no statement's errors.
  "log_min_messages=log",
  "log_parameter_max_length=0",
  "log_parameter_max_length_on_error=0",
]

/** Ends a server that is starting; promptly, its data is safe whichever way it ends. */
async function giveUp(child: ChildProcess, ended: () => boolean): Promise<void> {
  for (const [signal, patienceMs] of [
    ["SIGINT", 1_000],
    ["SIGQUIT", 2_000],
    ["SIGKILL", 5_000],
  ] as const) {
    child.kill(signal)
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 10) {
      if (ended()) return
      await sleep(10)
    }
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
      tell(pid, "SIGINT")
      for (let waitedMs = 0; isRunning(await state(pid)); waitedMs += 20) {
        if (waitedMs > 30_000) tell(pid, "SIGQUIT")
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

function late(paths: Layout): AurochsError<"BACKEND"> {
  return new AurochsError("BACKEND", `the database was not ready in time: see ${paths.log}`, { backend: "postgres" })
}
