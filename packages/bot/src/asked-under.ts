import type { KeyDirectory } from "@aurochs/keys"

/** A directory whose lookups end with a signal of their own: what is stored of an answer is not cut off by it. */
export function askedUnder(directory: KeyDirectory, signal: AbortSignal): KeyDirectory {
  const { name, sources, place, proves } = directory
  return { name, sources, place, proves, lookup: (query) => directory.lookup(query, { signal }) }
}
