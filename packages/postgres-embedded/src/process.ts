import { spawn } from "node:child_process"
import { readFile } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { aborted, type CallOptions, throwIfAborted } from "@aurochs/core"

/** PostgreSQL refuses to run as root; as root it runs as `nobody`, without a user being added to the machine. */
export interface Owner {
  readonly uid?: number
  readonly gid?: number
}

const NOBODY = 65_534

/** Who the server runs as. */
export function serverOwner(): Owner {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
}

/** Environment of every program here: nothing of ours, no other locale. */
export const ENVIRONMENT: Readonly<Record<string, string>> = { PATH: "/usr/bin:/bin", LC_ALL: "C" }

/**
 * Runs a program to its end, and to the end of every process it started.
 *
 * @throws {AurochsError} `ABORTED`, after all of them were killed
 */
export function run(
  program: string,
  args: readonly string[],
  options: Owner & CallOptions & { readonly cwd: string },
): Promise<{ readonly code: number; readonly output: string }> {
  const { signal, ...where } = options
  return new Promise((resolve, reject) => {
    throwIfAborted(options)
    // A process group of its own, so that its children can be killed with it.
    const child = spawn(program, args, {
      ...where,
      env: ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    })
    let output = ""
    const keep = (data: Buffer) => {
      output = (output + data).slice(-4_000)
    }
    const kill = () => {
      if (child.pid !== undefined) tell(-child.pid, "SIGKILL")
    }
    signal?.addEventListener("abort", kill, { once: true })
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.once("error", (error) => {
      signal?.removeEventListener("abort", kill)
      reject(error)
    })
    // Its pipes are closed once none of its children has them any more.
    child.once("close", (code) => {
      signal?.removeEventListener("abort", kill)
      if (signal?.aborted) reject(aborted(signal))
      else resolve({ code: code ?? 1, output })
    })
  })
}

/** Sends a signal to a process (or, negative, a process group) that may have ended meanwhile. */
export function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
  }
}

/** Is there a process with this id? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/** Is this process a PostgreSQL on this data folder? Pids are used again after a restart of the machine. */
export async function servesFolder(pid: number, data: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  try {
    const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0")
    return command.includes(data)
  } catch {
    // No /proc: what answers on the port decides.
    return process.platform !== "linux"
  }
}

/** Does something accept connections there? */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}

/** A TCP port on 127.0.0.1 that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await new Promise((resolve, reject) => {
    server.once("listening", resolve)
    server.once("error", reject)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}
