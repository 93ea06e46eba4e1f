import { execFileSync } from "node:child_process"
import { cpus, loadavg, totalmem } from "node:os"

/** Where a run took place. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly platform: string
  readonly node: string
  readonly openssl: string
  /** Load average of the last minute when the run began: with more than `cores` others were at work, too. */
  readonly load: number
}

export function machine(): Machine {
  const [first] = cpus()
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    openssl: process.versions.openssl,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  }
}

/** In one sentence. */
export function describeMachine(m: Machine): string {
  const cores = `${m.cores} ${m.cores === 1 ? "core" : "cores"}`
  return `${m.cpu}, ${cores}, ${m.memoryGiB} GiB, ${m.platform}, Node ${m.node}, OpenSSL ${m.openssl}, load average ${m.load} at the start`
}

/** The short name of the commit that is checked out; `+` if files were changed since. */
export function commitOf(root: string): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim()
  try {
    const changed = git("status", "--porcelain", "--", "packages", "bench/*.ts", "bench/kit").length > 0
    return `${git("rev-parse", "--short", "HEAD")}${changed ? "+" : ""}`
  } catch {
    return "unknown"
  }
}
