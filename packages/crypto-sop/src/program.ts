import { tmpdir } from "node:os"
import { basename, resolve } from "node:path"
import { AurochsError } from "@aurochs/core"
import { gate } from "./gate.ts"
import { leftovers } from "./leftovers.ts"
import { environment, fileOf, type Program } from "./run.ts"

/** How a program is started, whatever for. */
export interface SopProgram {
  /** A name to be found on PATH, or a path, e.g. `sqop`. */
  readonly program: string
  /** Over the environment of the program, which otherwise has PATH, HOME, TMPDIR and LC_ALL only. Nothing secret. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Where the folders for single calls are made: best one in memory. The system's folder for temporary files by default. */
  readonly folder?: string | undefined
  /** After this long a run is given up, in milliseconds; 60,000 by default. */
  readonly timeoutMs?: number | undefined
}

/**
 * What every run shares.
 *
 * @param maxProcesses how many runs at a time
 * @throws {AurochsError} `CONFIGURATION`
 */
export function programOf(options: SopProgram, maxProcesses: number): Program {
  const { program, timeoutMs = 60_000 } = options
  if (program === "" || program.includes("\0")) throw configuration("program", "no program is named")
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) throw configuration("timeoutMs", "not a time in milliseconds")
  if (!(Number.isInteger(maxProcesses) && maxProcesses > 0)) throw configuration("maxProcesses", "at least one")
  return {
    name: `sop:${basename(program)}`,
    file: fileOf(program),
    env: environment(options.env),
    timeoutMs,
    gate: gate(maxProcesses),
    left: leftovers(),
  }
}

/** Where the folders for single calls are made. */
export function folderOf(options: SopProgram): string {
  return resolve(options.folder ?? tmpdir())
}

/** `CONFIGURATION` about one option. */
export function configuration(field: string, why: string): AurochsError<"CONFIGURATION"> {
  return new AurochsError("CONFIGURATION", `${field}: ${why}`, { field })
}
