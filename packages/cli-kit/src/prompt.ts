import { createInterface } from "node:readline"
import { Writable } from "node:stream"
import { UsageError } from "./exit-codes.ts"

/** The two ends of a terminal. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream
  /** Gets the question, never the answer. */
  readonly output: NodeJS.WritableStream
}

/**
 * Asks for one line and does not echo it.
 *
 * @throws {UsageError} if the terminal ends (Ctrl-D) or the user does (Ctrl-C)
 */
export function ask(question: string, { input, output }: Terminal): Promise<string> {
  return new Promise((resolve, reject) => {
    output.write(question)
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
    const lines = createInterface({ input, output: silent, terminal: true })
    let answer: string | undefined
    // Ctrl-C ends up here, too: there is no other listener for it.
    lines.once("close", () => {
      output.write("\n")
      if (answer === undefined) reject(new UsageError("Nothing was typed."))
      else resolve(answer)
    })
    lines.once("line", (line) => {
      answer = line
      lines.close()
    })
  })
}

/**
 * Asks for a secret; for a new one twice, since nobody saw what was typed.
 *
 * @throws {UsageError} if nothing was typed, or two different things
 */
export async function askSecret(what: string, isNew: boolean, terminal: Terminal): Promise<string> {
  const first = await ask(isNew ? `new ${what}: ` : `${what}: `, terminal)
  if (first === "") throw new UsageError(`The ${what} is empty.`)
  if (isNew && (await ask(`the same ${what} again: `, terminal)) !== first) {
    throw new UsageError(`The two were not the same ${what}; nothing was done.`)
  }
  return first
}
