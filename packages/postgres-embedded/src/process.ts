import { spawn } from "node:child_process"
import { readFile } from "node:fs/promises"
import { connect, createServer } from "node:net"

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

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  options: Owner & { readonly cwd: string },
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    const keep = (data: Buffer) => {
      output = (output + data).slice(-4_000)
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.once("error", reject)
    child.once("close", (code) => resolve({ code: code ?? 1, output }))
  })
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
