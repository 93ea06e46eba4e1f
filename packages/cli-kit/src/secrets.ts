import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { UsageError } from "./exit-codes.ts"
import { askSecret } from "./prompt.ts"

/** Where a secret may come from; the first one given wins. It never comes from an argument: those are visible to others. */
export interface SecretSource {
  /** For the prompt and for errors, e.g. `password`. */
  readonly what: string
  readonly file?: string | undefined
  /** A shell command that prints it. */
  readonly command?: string | undefined
  /** Name of an environment variable. */
  readonly variable: string
  /** Ask at the terminal, if there is one. */
  readonly prompt: boolean
  /** It is a new one: a prompt asks twice. Not by default. */
  readonly confirm?: boolean | undefined
}

/**
 * Reads a secret from a file, a command, the environment, or a prompt that does not echo. One newline at its end is
 * cut off.
 *
 * @throws {UsageError} if there is none, with the ways to give it; if the prompt was left, or answered in two ways
 */
export async function readSecret(source: SecretSource): Promise<string> {
  if (source.file !== undefined) return firstLine(await fileOf(source.file, source.what), source.what)
  if (source.command !== undefined) return firstLine(await outputOf(source.command, source.what), source.what)
  const given = process.env[source.variable]
  if (given !== undefined && given !== "") return given
  if (source.prompt && process.stdin.isTTY) {
    return askSecret(source.what, source.confirm ?? false, { input: process.stdin, output: process.stderr })
  }
  throw new UsageError(
    `A ${source.what} is needed: give it with --${source.what}-file FILE, --${source.what}-command COMMAND or ${source.variable}, or run this at a terminal.`,
  )
}

function firstLine(text: string, what: string): string {
  const line = text.replace(/\r?\n$/, "")
  if (line === "") throw new UsageError(`The ${what} is empty.`)
  return line
}

async function fileOf(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8")
  } catch {
    throw new UsageError(`The ${what} file ${file} cannot be read.`)
  }
}

function outputOf(command: string, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("/bin/sh", ["-c", command], { timeout: 60_000 }, (error, stdout) => {
      if (error) reject(new UsageError(`The command that should print the ${what} failed.`))
      else resolve(stdout)
    })
  })
}
