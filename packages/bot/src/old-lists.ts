import type { BareJid, Clock } from "@aurochs/core"

/** Owners whose lists are read at the same time because they are old. */
const MAX_AT_ONCE = 4
/** Owners that wait for it, and that are remembered. */
const MAX_OWNERS = 1000
/** One owner's list is looked after this often, also where it cannot be read. */
const MIN_INTERVAL_MS = 600_000

/**
 * Looks after lists of contacts the bot only hears from: nobody waits for it.
 *
 * @param o.isFresh at once, from memory: nothing has to be done
 * @param o.look reads what is old; must not throw
 */
export function createOldLists(o: {
  readonly clock: Clock
  readonly stop: AbortSignal
  readonly isFresh: (owner: BareJid) => boolean
  readonly look: (owner: BareJid) => Promise<void>
}): (owner: BareJid) => void {
  const { clock, stop, isFresh, look } = o
  const waiting = new Set<BareJid>()
  const lookedAt = new Map<BareJid, number>()
  let atWork = 0

  const next = () => {
    for (const owner of waiting) {
      if (atWork >= MAX_AT_ONCE || stop.aborted) return
      waiting.delete(owner)
      atWork += 1
      void look(owner).finally(() => {
        atWork -= 1
        next()
      })
    }
  }

  return (owner) => {
    if (isFresh(owner) || waiting.size >= MAX_OWNERS) return
    const now = clock.now().getTime()
    const last = lookedAt.get(owner)
    if (last !== undefined && now >= last && now - last < MIN_INTERVAL_MS) return
    lookedAt.delete(owner)
    lookedAt.set(owner, now)
    for (const oldest of lookedAt.keys()) {
      if (lookedAt.size <= MAX_OWNERS) break
      lookedAt.delete(oldest)
    }
    waiting.add(owner)
    next()
  }
}
