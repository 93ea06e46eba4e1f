import { readSecret } from "@aurochs/cli-kit"
import type { Argv } from "yargs"

/** Options of commands that open a backup. */
export interface CodeOptions {
  readonly codeFile?: string | undefined
  readonly codeCommand?: string | undefined
}

/** Adds {@link CodeOptions}. */
export function codeOptions<T>(program: Argv<T>) {
  return program
    .option("code-file", { type: "string", describe: "File that holds the backup code" })
    .option("code-command", {
      type: "string",
      describe: "Command that prints it; else AUROCHS_BACKUP_CODE or a prompt",
    })
}

/** The backup code, verbatim, from where the user said; never an argument. */
export function readCode(options: CodeOptions): Promise<string> {
  return readSecret({
    what: "code",
    file: options.codeFile,
    command: options.codeCommand,
    variable: "AUROCHS_BACKUP_CODE",
    prompt: true,
  })
}
