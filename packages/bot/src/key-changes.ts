import { type BareJid, type CallOptions, isAurochsError, sameBareJid } from "@aurochs/core"
import { createBell } from "./bell.ts"
import type { ContactKeys } from "./contact-keys.ts"
import type { Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"

const HOUR_MS = 3_600_000
/** Owners that wait to be read; a flood of notifications is not remembered one by one. */
const MAX_PENDING = 1000

/** What a change leads to. */
export interface KeyChangeHooks {
  /** The own list changed. */
  readonly onOwn: () => void
  /** A contact's keys were read again, or could not be. */
  readonly onContact: (owner: BareJid) => Promise<void>
}

/**
 * Follows the directory's notifications until aborted: each named owner's keys are read again, several notifications at
 * once as one.
 */
export async function followKeyChanges(
  parts: Parts,
  contacts: ContactKeys,
  hooks: KeyChangeHooks,
  options: CallOptions,
): Promise<void> {
  const changes = parts.directory.changes?.(options)
  if (changes === undefined) return
  const pending = new Set<BareJid>()
  const bell = createBell()
  const over = new AbortController()
  const signal = options.signal === undefined ? over.signal : AbortSignal.any([over.signal, options.signal])

  const work = async () => {
    while (!signal.aborted) {
      const [owner] = pending
      if (owner === undefined) {
        await bell.wait(HOUR_MS, parts.clock, { signal })
        continue
      }
      pending.delete(owner)
      try {
        await contacts.refresh(owner, { signal })
      } catch (error) {
        if (signal.aborted) return
        parts.log.warn("keys could not be read", { owner, ...describeError(error) })
      }
      await hooks.onContact(owner).catch((error: unknown) => parts.log.error("key change", describeError(error)))
    }
  }

  const working = work()
  try {
    for await (const owner of changes) {
      if (sameBareJid(owner, parts.account)) hooks.onOwn()
      else if (pending.size < MAX_PENDING) {
        pending.add(owner)
        bell.ring()
      }
    }
  } catch (error) {
    if (!isAurochsError(error, "ABORTED")) throw error
  } finally {
    over.abort()
    await working
  }
}
