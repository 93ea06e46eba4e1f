import type { BareJid, CallOptions } from "@aurochs/core"
import { throwIfAborted } from "@aurochs/core"
import type { Found, KeyDirectory, Missing } from "../directory.ts"
import { noticesOf, publishingOf, sourcesOf } from "./parts.ts"

/** A source that could not be asked, where another one could. */
export interface SourceFailure {
  readonly source: string
  readonly owner: BareJid
  readonly error: unknown
}

/**
 * Asks every directory and gives the union, each item with the name of the source it came from. One certificate may come
 * several times: whoever reads it merges (`refreshKeys` does), and the source that binds it to the account counts.
 *
 * @param required what a lookup cannot do without: if one of them fails, the lookup does, so that a source that is away
 * is never taken for one that has nothing (attack A6). The first that can publish does.
 * @param o.optional what adds to it; a failure there is told and otherwise ignored
 */
export function merged(
  required: readonly KeyDirectory[],
  o: {
    readonly optional?: readonly KeyDirectory[] | undefined
    readonly onFailure?: ((failure: SourceFailure) => void) | undefined
  } = {},
): KeyDirectory {
  const all = [...required, ...(o.optional ?? [])]
  const ask = async (
    directory: KeyDirectory,
    query: Parameters<KeyDirectory["lookup"]>[0],
    options: CallOptions,
  ): Promise<(Found | Missing)[]> => {
    try {
      return await Array.fromAsync(directory.lookup(query, options))
    } catch (error) {
      throwIfAborted(options)
      if (required.includes(directory)) throw error
      o.onFailure?.({ source: directory.name, owner: query.owner, error })
      return []
    }
  }
  return {
    name: all.map(({ name }) => name).join("+"),
    sources: required.flatMap(sourcesOf),
    notice: noticesOf(all),
    async *lookup(query, options = {}) {
      const leaving = new AbortController()
      const signal = options.signal ? AbortSignal.any([options.signal, leaving.signal]) : leaving.signal
      try {
        const answers = await Promise.all(all.map((directory) => ask(directory, query, { signal })))
        throwIfAborted(options)
        for (const items of answers) yield* items
      } finally {
        leaving.abort()
      }
    },
    ...publishingOf(all),
  }
}
