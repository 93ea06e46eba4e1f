import { archiveOn } from "./archive-store.ts"
import type { Backing } from "./backing.ts"
import { memoryBacking } from "./memory-backing.ts"
import { outboxOn } from "./outbox-store.ts"
import { auditOn, keysOn, secretsOn, seenOn, stateOn } from "./small-stores.ts"
import type { Storage } from "./stores.ts"

/**
 * Keeps everything in this process, for tests and tries. Nothing outlives it (`durable` is false), and nothing is
 * bounded but by {@link Archive.boundStrangers}. Disposing it does nothing.
 */
export function memoryStorage(): Storage {
  return storageOn(memoryBacking())
}

/** All the stores on one backing. */
export function storageOn(backing: Backing): Storage {
  const parts = {
    archive: archiveOn(backing),
    outbox: outboxOn(backing),
    seen: seenOn(backing),
    keys: keysOn(backing),
    secrets: secretsOn(backing),
    state: stateOn(backing),
    audit: auditOn(backing),
  }
  return {
    ...parts,
    durable: backing.durable,
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(parts).map((part) => part[Symbol.asyncDispose]()))
    },
  }
}
