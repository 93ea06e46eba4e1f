import { isAurochsError } from "@aurochs/core"
import type { Leased, Settlement } from "@aurochs/storage"
import { type Attempted, attemptToSend } from "./attempt.ts"
import type { Bell } from "./bell.ts"
import type { Bounces } from "./bounces.ts"
import type { ContactKeys } from "./contact-keys.ts"
import type { Link } from "./link.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { Parts } from "./parts.ts"
import { describeError, retrying } from "./retrying.ts"
import { limited } from "./time-limit.ts"

/** Messages that are being sent at the same time, to different recipients. */
const MAX_AT_ONCE = 8
/** An attempt is ended before its lease, so that nobody else can have the message at the same time. */
const ATTEMPT_MS = 100_000
const LEASE_MS = 120_000
/** What an attempt that is under way still gets when the bot is stopped. */
const LAST_ATTEMPT_MS = 2_000
/** How often the outbox is looked at without being told: another process may have put something in. */
const POLL_MS = 15_000
/** Without news of the connection it is tried again after this. */
const DOWN_RETRY_MS = 60_000
/** What was sent may come back for so long; then its sealed text is deleted. */
const FORGET_SENT_MS = 86_400_000
const HOUR_MS = 3_600_000

/** What the loop works with. */
export interface DrainOptions {
  readonly parts: Parts
  readonly own: () => OwnKeys
  readonly contacts: ContactKeys
  readonly link: Link
  readonly bounces: Bounces
  /** Rung when there may be something to send. */
  readonly bell: Bell
  /** Stop taking messages out; what is under way has a moment to finish. */
  readonly stop: AbortSignal
  /** Give up what is under way. */
  readonly hardStop: AbortSignal
}

/** Sends what is in the outbox until stopped; resolves when nothing is under way any more. Never throws. */
export async function drain(options: DrainOptions): Promise<void> {
  const { parts, link, bell, stop } = options
  const { clock, log, storage, account } = parts
  const running = new Set<Promise<void>>()
  let nextRetryAt = Number.POSITIVE_INFINITY
  let forgotAt = Number.NEGATIVE_INFINITY
  /** A message that a connection was lost with goes alone, so that no other is blamed for it. */
  let alone = false

  const settle = async (leased: Leased, result: Settlement) => {
    if (result.kind === "waiting") nextRetryAt = Math.min(nextRetryAt, result.retryAt.getTime())
    await retrying(() => storage.outbox.settle(leased, result), { clock, log, what: "outbox", attempts: 4 })
  }

  const giveBack = (leased: Leased) =>
    settle(leased, { kind: "waiting", retryAt: clock.now(), because: "another message goes first" })

  const work = async (leased: Leased) => {
    try {
      const { settlement, networkAway } = await attemptInTime(leased, options)
      if (networkAway) link.down()
      await settle(leased, settlement)
      if (settlement.kind === "sent") await options.bounces.sent(settlement.stanzaId)
    } catch (error) {
      // The lease runs out, and it is tried again.
      log.error("outbox", { outboxId: leased.id, ...describeError(error) })
    }
  }

  const start = (leased: Leased) => {
    const done = work(leased).finally(() => {
      running.delete(done)
      bell.ring()
    })
    running.add(done)
  }

  const turn = async (): Promise<"idle" | "busy" | "full"> => {
    const room = alone && running.size > 0 ? 0 : MAX_AT_ONCE - running.size
    if (room <= 0) return "full"
    const now = clock.now()
    if (nextRetryAt <= now.getTime()) nextRetryAt = Number.POSITIVE_INFINITY
    const batch = await storage.outbox.claim({ account, now, leaseMs: LEASE_MS, limit: room, signal: stop })
    const suspect = batch.find((leased) => leased.lostConnections > 0)
    if (suspect === undefined) {
      for (const leased of batch) start(leased)
      alone = false
    } else if (running.size > 0) {
      for (const leased of batch) await giveBack(leased)
      alone = true
    } else {
      for (const leased of batch) if (leased !== suspect) await giveBack(leased)
      await work(suspect)
      alone = false
    }
    return batch.length === 0 ? "idle" : "busy"
  }

  const rest = async (isFull: boolean) => {
    const now = clock.now().getTime()
    if (now - forgotAt >= HOUR_MS) {
      forgotAt = now
      await storage.outbox.forgetSent(account, new Date(now - FORGET_SENT_MS), { signal: stop })
    }
    const untilRetryMs = isFull ? POLL_MS : Math.max(0, nextRetryAt - now)
    await bell.wait(Math.min(POLL_MS, untilRetryMs), clock, { signal: stop })
  }

  while (!stop.aborted) {
    try {
      if (!link.isUp) await bell.wait(DOWN_RETRY_MS, clock, { signal: stop })
      if (stop.aborted) break
      const turned = await turn()
      if (turned !== "busy") await rest(turned === "full")
    } catch (error) {
      if (isAurochsError(error, "ABORTED")) break
      log.error("outbox", describeError(error))
      await bell.wait(POLL_MS, clock, { signal: stop })
    }
  }
  await Promise.all(running)
}

async function attemptInTime(leased: Leased, o: DrainOptions): Promise<Attempted> {
  const { parts, own, contacts, stop, hardStop } = o
  const last = new AbortController()
  const over = new AbortController()
  // Without a server it would wait for one, and the bot for it.
  const hurry = () => {
    const late = () => last.abort()
    parts.clock.sleep(LAST_ATTEMPT_MS, { signal: over.signal }).then(late, () => {})
  }
  stop.addEventListener("abort", hurry, { once: true })
  if (stop.aborted) hurry()
  try {
    return await limited(ATTEMPT_MS, parts.clock, [hardStop, last.signal], (signal) =>
      attemptToSend(leased, { parts, own: own(), contacts, signal }),
    )
  } finally {
    stop.removeEventListener("abort", hurry)
    over.abort()
  }
}
