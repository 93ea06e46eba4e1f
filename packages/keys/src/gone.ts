import type { KnownKey } from "@aurochs/core"

/** The source of a key of which only the record is left. */
export const GONE = "gone"

/**
 * Is only the record of this key left? Its certificate was removed from the database behind our back, or a crash came
 * between both. It is never used, and no other key is the first or the only one because of it; the next reading that
 * finds its certificate puts it back.
 */
export function isGone(key: Pick<KnownKey, "bytes">): boolean {
  return key.bytes.length === 0
}
