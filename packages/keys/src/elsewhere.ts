import { type BareJid, isAurochsError, throwIfAborted } from "@aurochs/core"
import { collect } from "./collect.ts"
import type { SourceFailure } from "./combine/merged.ts"
import type { KeyDirectory } from "./directory.ts"
import { type Refreshed, type RefreshOptions, refreshKeys } from "./refresh.ts"
import { updateKnownKeys } from "./update-known.ts"

/** A source besides the account's own list, as somebody switched it on. */
export interface OtherSource {
  readonly directory: KeyDirectory
  /**
   * True: asked for keys of owners who announce none, and a policy takes its word (`binding`). False, by default: asked
   * only for newer copies of keys that are known: revocations, expiry, subkeys.
   */
  readonly mayBind?: boolean | undefined
}

/** As those of `refreshKeys`. */
export type ElsewhereOptions = Omit<RefreshOptions, "directory" | "state"> & {
  readonly sources: readonly OtherSource[]
  /** Told of a source that could not be asked: the others are. */
  readonly onFailure: (failure: SourceFailure) => void
}

/**
 * Asks other sources than the account's own list, each only for what it was switched on for. To be called after the list
 * was read: whoever may bind a key is asked only where the list names none and never did, and nobody is asked for an
 * owner of whom nothing is known and whose keys he may not bind.
 *
 * @returns what each source that answered changed
 * @throws {AurochsError} `STORAGE`, `BACKEND`, `ABORTED`
 */
export async function refreshElsewhere(o: ElsewhereOptions): Promise<readonly Refreshed[]> {
  const { sources, onFailure, ...base } = o
  const all: Refreshed[] = []
  for (const { directory, mayBind } of sources) {
    const known = await collect(o.keys.keysOf(o.owner, { signal: o.signal }))
    const isLookup = mayBind === true && !known.some((key) => key.binds === "account")
    try {
      all.push(await (isLookup ? refreshKeys({ ...base, directory }) : updateKnownKeys({ ...base, directory })))
    } catch (error) {
      throwIfAborted(o)
      if (!isOfTheSource(error)) throw error
      onFailure(failureOf(directory, o.owner, error))
    }
  }
  return all
}

function isOfTheSource(error: unknown): boolean {
  return (["NETWORK", "HTTP", "BAD_DATA", "STANZA_ERROR"] as const).some((code) => isAurochsError(error, code))
}

function failureOf({ name }: KeyDirectory, owner: BareJid, error: unknown): SourceFailure {
  return { source: name, owner, error }
}
