import { throwIfAborted } from "@aurochs/core"
import type { Found, KeyDirectory, Missing } from "../directory.ts"
import type { SourceFailure } from "./merged.ts"
import { noticesOf, publishingOf, sourcesOf } from "./parts.ts"

/** Has enough been found, so that the next source need not hear of this contact? */
export type StopRule = (found: readonly (Found | Missing)[]) => boolean

/** Anything at all, a named gap included: the source knows the owner. */
export const stopAtAnything: StopRule = (found) => found.length > 0

/**
 * Asks one directory after another, until the stop rule is content: whoever comes later hears only of those contacts that
 * the earlier ones have nothing for.
 *
 * A directory that fails ends the lookup: that one source is away is no reason to ask, or to believe, a weaker one
 * (attack A6). With `onFailure` the failure of any but the first is told, and the next one is asked.
 *
 * @param o.stop after each directory; {@link stopAtAnything} by default
 */
export function chain(
  directories: readonly KeyDirectory[],
  o: { readonly stop?: StopRule | undefined; readonly onFailure?: ((failure: SourceFailure) => void) | undefined } = {},
): KeyDirectory {
  const stop = o.stop ?? stopAtAnything
  return {
    name: directories.map(({ name }) => name).join(">"),
    // The others may not have been asked: what they once had is not gone because of that.
    sources: directories.slice(0, 1).flatMap(sourcesOf),
    notice: noticesOf(directories),
    async *lookup(query, options = {}) {
      const found: (Found | Missing)[] = []
      for (const [place, directory] of directories.entries()) {
        try {
          const items = await Array.fromAsync(directory.lookup(query, options))
          found.push(...items)
          yield* items
        } catch (error) {
          throwIfAborted(options)
          if (place === 0 || o.onFailure === undefined) throw error
          o.onFailure({ source: directory.name, owner: query.owner, error })
        }
        if (stop(found)) return
      }
    },
    ...publishingOf(directories),
  }
}
