import { type BareJid, type CallOptions, type Fingerprint, isAurochsError, type KnownKey } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { userIdOf } from "../user-id.ts"

/** Which keys certify which: by the fingerprint of the certified one. */
export type Certifiers = ReadonlyMap<Fingerprint, readonly Fingerprint[]>

/** Beyond so many keys of one owner nobody is asked for vouchers: the work grows with the square of it. */
const MAX_KEYS = 32

/**
 * Asks the engine which of one owner's keys certify which.
 *
 * @param keys all of one owner
 * @throws {AurochsError} `BACKEND`, `ABORTED`
 */
export async function certifiersOf(
  keys: readonly KnownKey[],
  o: { readonly owner: BareJid; readonly provider: CryptoProvider; readonly now: Date } & CallOptions,
): Promise<Certifiers> {
  const found = new Map<Fingerprint, readonly Fingerprint[]>()
  if (o.provider.certifiedBy === undefined || keys.length < 2 || keys.length > MAX_KEYS) return found
  for (const key of keys) {
    const others = keys.filter((other) => other.fingerprint !== key.fingerprint)
    let by = await certifying(others, key, o)
    if (by === "unreadable") {
      by = []
      // One certificate that cannot be read certifies nothing, and spoils nothing.
      for (const other of others) {
        const found = await certifying([other], key, o)
        if (found !== "unreadable") by.push(...found)
      }
    }
    if (by.length > 0) found.set(key.fingerprint, by)
  }
  return found
}

async function certifying(
  by: readonly KnownKey[],
  key: KnownKey,
  o: { readonly owner: BareJid; readonly provider: CryptoProvider; readonly now: Date } & CallOptions,
): Promise<Fingerprint[] | "unreadable"> {
  try {
    const options = { by, userId: userIdOf(o.owner), now: o.now, signal: o.signal }
    const found = (await o.provider.certifiedBy?.(key.bytes, options)) ?? []
    // What is stored under a fingerprint has to be that key.
    return found.filter((print) => by.some((one) => one.fingerprint === print))
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA") || isAurochsError(error, "UNSUPPORTED")) return "unreadable"
    throw error
  }
}
