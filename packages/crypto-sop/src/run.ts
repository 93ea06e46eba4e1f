import { type ChildProcess, spawn } from "node:child_process"
import { resolve as absolute, delimiter } from "node:path"
import { type AurochsError, aborted, type CallOptions, throwIfAborted } from "@aurochs/core"
import { backend } from "./errors.ts"
import type { Gate } from "./gate.ts"
import type { Leftovers } from "./leftovers.ts"

/** The program and what every run of it shares. */
export interface Program {
  /** Of the backend, e.g. `sop:sqop`. */
  readonly name: string
  /** A name to be found on PATH, or an absolute path. */
  readonly file: string
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly gate: Gate
  readonly left: Leftovers
}

/** How one run goes. */
export interface RunOptions extends CallOptions {
  /** Subcommand and its arguments. Nothing in them is secret. */
  readonly args: readonly string[]
  readonly input: Uint8Array
  /** Working folder, home and place for temporary files, so that all it leaves behind goes with the folder. */
  readonly folder: string
  /** The program is ended when it prints more. */
  readonly maxOutputBytes: number
}

/** How it ended. Standard output only counts with exit code 0, so only then is there any. */
export type Ended =
  | { readonly ok: true; readonly output: Uint8Array }
  /** `exitCode` is undefined if a signal ended it; `tooMuch`: because it printed more than it may. */
  | { readonly ok: false; readonly exitCode: number | undefined; readonly tooMuch: boolean }

/** A path is made absolute: the program is started in a folder of its own. */
export function fileOf(program: string): string {
  return program.includes("/") || program.includes("\\") ? absolute(program) : program
}

/** Nothing of this process's environment but PATH gets to the program. */
export function environment(more: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  const path = process.env.PATH || ["/usr/local/bin", "/usr/bin", "/bin"].join(delimiter)
  return { PATH: path, LC_ALL: "C", ...more }
}

/**
 * Runs the program once, without a shell, by whoever has a folder and with it a turn. It is waited for in any case; a
 * run that is ended early is killed with all that it started.
 *
 * @throws {AurochsError} `ABORTED`, `BACKEND` (not there, not startable, out of time)
 */
export async function run(program: Program, options: RunOptions): Promise<Ended> {
  throwIfAborted(options)
  const { args, input, folder, maxOutputBytes, signal } = options
  return new Promise((resolve, reject) => {
    let failure: AurochsError | undefined
    let tooMuch = false
    let size = 0
    const chunks: Uint8Array[] = []
    const child = started(program, args, folder)
    if (child === undefined) return reject(backend(program.name, "the program cannot be started"))
    const stop = () => {
      kill(child)
      child.stdout?.destroy()
    }
    const forget = program.left.add(() => kill(child))
    const onAbort = () => {
      failure ??= aborted(signal)
      stop()
    }
    signal?.addEventListener("abort", onAbort, { once: true })
    const timer = setTimeout(() => {
      failure ??= backend(program.name, `it did not end within ${program.timeoutMs} ms`)
      stop()
    }, program.timeoutMs)
    const finish = (exitCode: number | null) => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", onAbort)
      forget()
      if (failure !== undefined) reject(failure)
      else if (exitCode === 0 && !tooMuch) resolve({ ok: true, output: new Uint8Array(Buffer.concat(chunks)) })
      else resolve({ ok: false, exitCode: exitCode ?? undefined, tooMuch })
    }
    child.stdout?.on("data", (chunk: Uint8Array) => {
      size += chunk.length
      if (size <= maxOutputBytes) return chunks.push(chunk)
      tooMuch = true
      return stop()
    })
    // A program that has read enough closes its input.
    child.stdin?.on("error", () => {})
    child.once("error", (error) => {
      failure ??= notStarted(program, error)
      if (child.pid === undefined) finish(null)
    })
    child.once("close", finish)
    child.stdin?.end(input)
  })
}

function started(program: Program, args: readonly string[], folder: string): ChildProcess | undefined {
  try {
    return spawn(program.file, args, {
      cwd: folder,
      env: { HOME: folder, TMPDIR: folder, ...program.env },
      stdio: ["pipe", "pipe", "ignore"],
      // A group of its own, so that what a wrapper script starts can be killed with it.
      detached: process.platform !== "win32",
      windowsHide: true,
    })
  } catch {
    return undefined
  }
}

/** Only before it was closed: its group may outlive it, and then still has its number. */
function kill(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === "win32") child.kill("SIGKILL")
    else process.kill(-child.pid, "SIGKILL")
  } catch {
    child.kill("SIGKILL")
  }
}

function notStarted(program: Program, error: NodeJS.ErrnoException): AurochsError {
  const why =
    error.code === "ENOENT"
      ? `there is no program "${program.file}"; install it, or give its path`
      : `the program "${program.file}" cannot be started (${error.code ?? "unknown"})`
  return backend(program.name, why)
}
