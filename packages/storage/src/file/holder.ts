import { execFile } from "node:child_process"
import { readFile, readlink } from "node:fs/promises"
import { hostname } from "node:os"
import { promisify } from "node:util"

/** A process, named so that another one that gets the same pid later is told apart. */
export interface Holder {
  readonly pid: number
  /** When it was started, in the system's own words; empty where the system does not tell. */
  readonly start: string
  readonly host: string
  /** This boot of the machine; empty where the system does not tell. */
  readonly boot: string
  /** The PID namespace (a container has its own); empty where there is none. */
  readonly namespace: string
}

/** This process. */
export async function thisProcess(): Promise<Holder> {
  const [start, boot, namespace] = await Promise.all([
    startOf(process.pid),
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ])
  return { pid: process.pid, start, host: hostname(), boot: boot.trim(), namespace }
}

/** Reads a holder; undefined if it is none: only a crash of the machine leaves such a thing. */
export function parseHolder(text: string): Holder | undefined {
  let raw: Record<string, unknown> | null
  try {
    raw = JSON.parse(text) as Record<string, unknown> | null
  } catch {
    return undefined
  }
  const { pid, start, host, boot, namespace } = raw ?? {}
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined
  if (typeof start !== "string" || typeof host !== "string") return undefined
  if (typeof boot !== "string" || typeof namespace !== "string") return undefined
  return { pid, start, host, boot, namespace }
}

/**
 * Is this process gone? `unknown`: it runs on another machine or in another container, so nobody here can tell.
 *
 * @param holder the process
 * @param self this process
 */
export async function isGone(holder: Holder, self: Holder): Promise<"gone" | "running" | "unknown"> {
  if (holder.host === self.host && holder.boot !== self.boot) return "gone"
  if (holder.boot !== self.boot || holder.namespace !== self.namespace) return "unknown"
  if (holder.boot === "" && holder.host !== self.host) return "unknown"
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return "gone"
  }
  const start = await startOf(holder.pid)
  return start !== "" && holder.start !== "" && start !== holder.start ? "gone" : "running"
}

/** Field 22 of `/proc/<pid>/stat` (clock ticks since boot), else what `ps` says. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)
  // The second field is the program's name in parentheses and may contain anything.
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""
  const ps = promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)], {
    env: { LC_ALL: "C", PATH: "/bin:/usr/bin" },
  })
  return await ps.then(({ stdout }) => stdout.trim()).catch(() => "")
}
