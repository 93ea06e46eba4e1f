import { readFileSync } from "node:fs"
import { constants } from "node:os"
import { isAurochsError } from "@aurochs/core"
import yargs, { type Argv } from "yargs"
import { type ExitCode, exitCodeHelp, exitCodeOf, exitCodes, UsageError } from "./exit-codes.ts"
import { explain } from "./explain.ts"

/** A command line: its name and what it understands. */
export interface CommandLine {
  readonly name: string
  readonly version: string
  readonly argv: readonly string[]
  /** Adds options and commands. A command's handler returns nothing, or sets another exit code by {@link setExitCode}. */
  readonly define: (program: Argv) => Argv
}

/** The exit code of a command that did its work and found something to tell, e.g. a rejected message. */
export function setExitCode(code: ExitCode): void {
  process.exitCode = code
}

/**
 * Runs a command line: `--help` with examples and exit codes, one clear line on standard error for a mistake, no stack
 * trace for anything the user can mend. A signal ends it by way of the `exit` event, at which engines take away keys and
 * programs that they had for one call; a command that has {@link stopSignal} ends in order.
 */
export async function runCommandLine(line: CommandLine): Promise<void> {
  exitOnSignals()
  // Output that nobody reads any more (`… | head`) is no error. The command ends in order: see stopSignal.
  let isUnread = false
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") isUnread = true
    // Every write after the first one that failed.
    else if (error.code !== "ERR_STREAM_DESTROYED") process.exit(1)
  })
  const program = line
    .define(yargs([...line.argv]))
    .scriptName(line.name)
    .version(line.version)
    .strict()
    .recommendCommands()
    .demandCommand(1, "Say what to do; --help lists the commands.")
    .epilogue(exitCodeHelp)
    .wrap(Math.min(120, process.stdout.columns ?? 120))
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new UsageError(`${message}\nSee ${line.name} --help.`)
    })
  try {
    await program.parseAsync()
  } catch (error) {
    if (isUnread && endsUnread(error)) return
    process.stderr.write(`${line.name}: ${explain(error)}\n`)
    const code = exitCodeOf(error)
    if (code === exitCodes.unexpected && process.env.AUROCHS_DEBUG && error instanceof Error) {
      process.stderr.write(`${error.stack}\n`)
    }
    process.exitCode = code
  }
}

/** What a command may throw because its output is no longer read. */
function endsUnread(error: unknown): boolean {
  if (isAurochsError(error, "ABORTED")) return true
  return error instanceof Error && "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED")
}

/** Signals that end a program, and whether it hears them where that cannot be found out. */
const ENDING = { SIGHUP: false, SIGINT: true, SIGTERM: true } as const

function exitOnSignals(): void {
  const ignored = ignoredSignals()
  for (const [name, isHeard] of Object.entries(ENDING) as [keyof typeof ENDING, boolean][]) {
    const number = constants.signals[name]
    // Listening to a signal that whoever started us has us ignore (`nohup`) would undo that.
    if (ignored === undefined ? !isHeard : ((ignored >> BigInt(number - 1)) & 1n) === 1n) continue
    process.on(name, () => {
      // Whoever listens too decides alone.
      if (process.listenerCount(name) === 1) process.exit(128 + number)
    })
  }
}

/** As a set of bits; undefined where the system does not tell. */
function ignoredSignals(): bigint | undefined {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
    return mask === undefined ? undefined : BigInt(`0x${mask}`)
  } catch {
    return undefined
  }
}

/** One Ctrl-C may arrive twice, from the terminal and from the program that started this one; milliseconds. */
const SAME_SIGNAL_MS = 1_000

/**
 * A signal that is aborted by SIGINT or SIGTERM, or when nobody reads standard output any more: the graceful way out.
 * Another SIGINT or SIGTERM, a second or more later, ends the process at once.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  let firstAtMs: number | undefined
  process.stdout.on("error", (error: NodeJS.ErrnoException) => controller.abort(error.code))
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (firstAtMs === undefined) firstAtMs = performance.now()
      else if (performance.now() - firstAtMs > SAME_SIGNAL_MS) process.exit(name === "SIGINT" ? 130 : 143)
      controller.abort(name)
    })
  }
  return controller.signal
}
