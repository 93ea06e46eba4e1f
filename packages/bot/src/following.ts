import type { BareJid } from "@aurochs/core"
import type { Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"
import { limited } from "./time-limit.ts"

/** A subscription is asked for again after so long: the owner's server may have lost it. */
const RENEW_MS = 86_400_000
/** Owners that are remembered; the others are asked again when their keys are read. */
const MAX_REMEMBERED = 1000
/** What an owner's server may take. */
const MAX_ANSWER_MS = 60_000

/**
 * Follows the key lists of owners whose presence the bot does not have: to them a server tells no changes by itself
 * (XEP-0163 §4.3.2), so the list is subscribed to (XEP-0060 §6.1). Nobody waits for it, and where a server does not let
 * one subscribe the list is read again once a day, as before.
 *
 * @param stop nothing is asked any more
 */
export function createFollowing(
  { directory, clock, log }: Pick<Parts, "directory" | "clock" | "log">,
  stop: AbortSignal,
): (owner: BareJid) => void {
  const followedAt = new Map<BareJid, number>()

  const follow = async (owner: BareJid) => {
    try {
      const result = await limited(MAX_ANSWER_MS, clock, [stop], async (signal) =>
        directory.subscribe?.(owner, { signal }),
      )
      log.debug("changes of keys are followed", { owner, result })
    } catch (error) {
      if (!stop.aborted) log.debug("changes of keys are not told to us", { owner, ...describeError(error) })
    }
  }

  return (owner) => {
    const now = clock.now().getTime()
    const last = followedAt.get(owner)
    if (directory.subscribe === undefined || (last !== undefined && now >= last && now - last < RENEW_MS)) return
    followedAt.delete(owner)
    followedAt.set(owner, now)
    for (const oldest of followedAt.keys()) {
      if (followedAt.size <= MAX_REMEMBERED) break
      followedAt.delete(oldest)
    }
    void follow(owner)
  }
}
