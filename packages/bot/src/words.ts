/** Bound on the words of one command; a body is at most 256 KiB anyway. */
const MAX_WORDS = 1000

/**
 * Splits a command line into words. "double" and 'single' quotes keep words together; a quote that is never closed is
 * part of the word. There are no escapes and nothing is expanded.
 */
export function splitWords(text: string): string[] {
  const words: string[] = []
  const pattern = /"([^"]*)"(?=\s|$)|'([^']*)'(?=\s|$)|(\S+)/gu
  for (const match of text.matchAll(pattern)) {
    if (words.length === MAX_WORDS) break
    words.push(match[1] ?? match[2] ?? match[3] ?? "")
  }
  return words
}

/** A body that is a command: the prefix, at once followed by the name. */
export function readCommand(
  body: string,
  prefix: string,
): { readonly name: string; readonly args: readonly string[] } | undefined {
  const text = body.trimStart()
  if (!text.startsWith(prefix)) return undefined
  const match = /^(\S+)(?:\s+([\s\S]*))?$/u.exec(text.slice(prefix.length))
  if (match?.[1] === undefined) return undefined
  return { name: match[1].toLowerCase(), args: splitWords(match[2] ?? "") }
}
