import { type BareJid, type Clock, sameBareJid } from "@aurochs/core"
import type { ArchiveId } from "@aurochs/storage"
import type { ReplyResult } from "./context.ts"
import type { Logger } from "./logger.ts"
import type { Outgoing } from "./outgoing.ts"
import type { Parts } from "./parts.ts"

const MINUTE_MS = 60_000
/** Peers whose replies are counted; who is beyond has not been answered within the last minute, or is forgotten. */
const MAX_PEERS = 10_000

/** Counts replies for each peer (attack A31). */
export interface ReplyBound {
  /** False: the bound is reached. */
  take(peer: BareJid): boolean
}

/** @param maxPerMinute replies to one peer within any minute */
export function replyBound(clock: Clock, maxPerMinute: number): ReplyBound {
  const sent = new Map<BareJid, number[]>()
  return {
    take(peer) {
      const now = clock.now().getTime()
      const recent = (sent.get(peer) ?? []).filter((at) => now - at < MINUTE_MS && at <= now)
      if (recent.length >= maxPerMinute) return false
      sent.delete(peer)
      sent.set(peer, [...recent, now])
      for (const oldest of sent.keys()) {
        if (sent.size <= MAX_PEERS) break
        sent.delete(oldest)
      }
      return true
    },
  }
}

/** Makes the `reply` of one message's handlers. */
export function replier(
  message: { readonly peer: BareJid; readonly archiveId: ArchiveId },
  {
    parts,
    outgoing,
    bound,
    warn,
  }: {
    readonly parts: Parts
    readonly outgoing: Outgoing
    readonly bound: ReplyBound
    readonly warn: Logger["warn"]
  },
): (body: string) => Promise<ReplyResult> {
  const { peer, archiveId } = message
  let count = 0
  return async (body) => {
    count += 1
    if (sameBareJid(peer, parts.account)) return refuse("own-account")
    // The entry's id makes the key, so that a handler that runs again after a crash does not answer twice.
    const key = `reply:${archiveId}:${count}`
    if (!bound.take(peer)) return refuse("too-many-replies")
    const [id] = await outgoing.enqueue([{ to: peer, body, key, encryptedOnly: true }])
    return { kind: "queued", id: id ?? "" }
  }

  function refuse(because: "own-account" | "too-many-replies"): ReplyResult {
    warn("reply refused", { to: peer, because })
    return { kind: "refused", because }
  }
}
