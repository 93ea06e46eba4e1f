import { withProgress } from "@aurochs/cli-kit"

/** Runs one step of a story and says what it was, and how long it took. */
export async function step<T>(text: string, work: Promise<T>): Promise<T> {
  const before = Date.now()
  const result = await withProgress(text, work)
  say(`✓ ${text} (${((Date.now() - before) / 1000).toFixed(1)} s)`)
  return result
}

/** One line. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** What somebody else said. */
export function quote(text: string): void {
  say(text.trimEnd().replace(/^/gm, "    │ "))
}
