import type { BareJid, CallOptions, Clock, KnownKey } from "@aurochs/core"
import type { AuthenticatedKeys } from "@aurochs/keys"

/** What was read is used for so long, in milliseconds: a decision that another process made counts after that. */
const HOLDS_MS = 1_000
/** Owners whose keys are held. */
const MAX_OWNERS = 1_000

/** The keys of contacts, for every message. */
export interface RecentKeys extends AuthenticatedKeys {
  /** As `keysOf`, read a second ago at most; what this process changed counts at once. */
  recent(owner: BareJid, options?: CallOptions): Promise<readonly KnownKey[]>
}

/** Reads of a store that come with every message, once in a second. */
export function recentKeys(store: AuthenticatedKeys, clock: Clock): RecentKeys {
  const held = new Map<BareJid, { readonly at: number; readonly keys: readonly KnownKey[] }>()
  /** Grows with each change: what was being read meanwhile is not held. */
  let changes = 0
  const changing = async <T>(owner: BareJid, change: () => Promise<T>): Promise<T> => {
    const forget = () => {
      changes += 1
      held.delete(owner)
    }
    forget()
    try {
      return await change()
    } finally {
      forget()
    }
  }
  return {
    ...store,
    put: (key, options) => changing(key.owner, () => store.put(key, options)),
    remove: (owner, fingerprint, options) => changing(owner, () => store.remove(owner, fingerprint, options)),
    decide: (owner, fingerprint, approval, options) =>
      changing(owner, () => store.decide(owner, fingerprint, approval, options)),
    async recent(owner, options) {
      const at = clock.now().getTime()
      const found = held.get(owner)
      if (found !== undefined && at >= found.at && at - found.at < HOLDS_MS) return found.keys
      const before = changes
      const keys = await Array.fromAsync(store.keysOf(owner, options))
      held.delete(owner)
      if (changes === before) held.set(owner, { at, keys })
      for (const oldest of held.keys()) {
        if (held.size <= MAX_OWNERS) break
        held.delete(oldest)
      }
      return keys
    },
  }
}
