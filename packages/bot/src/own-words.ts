import type { Leased, OutboxId } from "@aurochs/storage"
import type { WaitingMessage } from "./sealed-entry.ts"

/** Messages and their sealed bytes that are remembered, at most. */
const MAX_MESSAGES = 2_000
const MAX_BYTES = 4_194_304

/**
 * What this process has just sealed for the outbox, in memory: whoever takes the same bytes out again need not open
 * them. Bounded; what is not here is opened.
 */
export interface OwnWords {
  remember(id: OutboxId, sealed: Uint8Array, message: WaitingMessage): void
  /** The message of these very bytes, for this recipient and under this key; it is forgotten then. */
  take(leased: Leased): WaitingMessage | undefined
}

/** Nothing is remembered yet. */
export function createOwnWords(): OwnWords {
  const held = new Map<OutboxId, { readonly sealed: Uint8Array; readonly message: WaitingMessage }>()
  let bytes = 0
  const forget = (id: OutboxId) => {
    bytes -= held.get(id)?.sealed.length ?? 0
    held.delete(id)
  }
  return {
    remember(id, sealed, message) {
      // Known by its key: what lies in the outbox is what was sealed then.
      if (held.has(id)) return
      held.set(id, { sealed, message })
      bytes += sealed.length
      for (const oldest of held.keys()) {
        if (held.size <= MAX_MESSAGES && bytes <= MAX_BYTES) break
        forget(oldest)
      }
    },
    take({ id, sealed, recipient, key }) {
      const found = held.get(id)
      if (found === undefined) return undefined
      forget(id)
      const { message } = found
      const isSame = message.recipient === recipient && message.key === key && areSame(found.sealed, sealed)
      return isSame ? message : undefined
    },
  }
}

function areSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}
