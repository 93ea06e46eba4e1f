import { type BareJid, type CallOptions, isAurochsError, sameBareJid } from "@aurochs/core"
import { createBell } from "./bell.ts"
import type { ContactKeys } from "./contact-keys.ts"
import type { Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"
import { limited } from "./time-limit.ts"

const HOUR_MS = 3_600_000
/** Owners that wait to be read; a flood of notifications is not remembered one by one. */
const MAX_PENDING = 1000
/** Notifications of one owner are followed this often; those between are followed as one, later. */
const MIN_INTERVAL_MS = 10_000
/** One owner's server holds back the others for so long. */
const MAX_REFRESH_MS = 60_000

/** What a change leads to. */
export interface KeyChangeHooks {
  /** The own list changed. */
  readonly onOwn: () => void
  /** A contact's keys were read again, or could not be. */
  readonly onContact: (owner: BareJid) => Promise<void>
}

/**
 * Follows the directory's notifications until aborted: each named owner's keys are read again, several notifications at
 * once as one. Anybody can send one: those of strangers change nothing.
 */
export async function followKeyChanges(
  parts: Parts,
  contacts: ContactKeys,
  hooks: KeyChangeHooks,
  options: CallOptions,
): Promise<void> {
  const changes = parts.directory.changes?.(options)
  if (changes === undefined) return
  const { clock, log } = parts
  /** With the time when they may be read. */
  const pending = new Map<BareJid, number>()
  const followed = new Map<BareJid, number>()
  const bell = createBell()
  const over = new AbortController()
  const signal = options.signal === undefined ? over.signal : AbortSignal.any([over.signal, options.signal])

  const follow = async (owner: BareJid) => {
    try {
      if (!(await isOfInterest(parts, owner, { signal }))) return
      await limited(MAX_REFRESH_MS, clock, [signal], (bounded) => contacts.refresh(owner, { signal: bounded }))
    } catch (error) {
      if (signal.aborted) return
      log.warn("keys could not be read", { owner, ...describeError(error) })
    }
    await hooks.onContact(owner).catch((error: unknown) => log.error("key change", describeError(error)))
  }

  const work = async () => {
    while (!signal.aborted) {
      const now = clock.now().getTime()
      const due = [...pending].find(([, at]) => at <= now)
      if (due === undefined) {
        await bell.wait(Math.min(HOUR_MS, ...[...pending.values()].map((at) => at - now)), clock, { signal })
        continue
      }
      const [owner] = due
      pending.delete(owner)
      followed.delete(owner)
      followed.set(owner, now)
      for (const oldest of followed.keys()) {
        if (followed.size <= MAX_PENDING) break
        followed.delete(oldest)
      }
      await follow(owner)
    }
  }

  const working = work()
  try {
    for await (const owner of changes) {
      if (sameBareJid(owner, parts.account)) hooks.onOwn()
      else if (pending.size < MAX_PENDING && !pending.has(owner)) {
        pending.set(owner, (followed.get(owner) ?? Number.NEGATIVE_INFINITY) + MIN_INTERVAL_MS)
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

/** Is there a key of theirs, a message for them, or one of theirs that could not be verified yet? */
async function isOfInterest({ account, storage }: Parts, owner: BareJid, options: CallOptions): Promise<boolean> {
  const { keys, archive, outbox } = storage
  for await (const _ of keys.keysOf(owner, options)) return true
  const unverified = { account, peer: owner, outcome: "unverified", limit: 1 } as const
  for await (const _ of archive.read(unverified, options)) return true
  // The newest may be under way.
  const newest = { account, peer: owner, order: "new-first", limit: 1 } as const
  for await (const { verdict } of archive.read(newest, options)) if (verdict === undefined) return true
  for await (const { recipient } of outbox.list(account, options)) if (sameBareJid(recipient, owner)) return true
  return false
}
