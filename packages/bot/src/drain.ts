import { isAurochsError } from "@aurochs/core"
import type { Leased } from "@aurochs/storage"
import { type Attempted, untried } from "./attempt.ts"
import type { Bounces } from "./bounces.ts"
import type { Link } from "./link.ts"
import type { OutboxBell } from "./outbox-bell.ts"
import { describeError, retrying } from "./retrying.ts"
import { type SendOptions, sendRun } from "./send-run.ts"

/** Recipients that are being written to at the same time. */
const MAX_AT_ONCE = 8
/** Messages to one of them that are taken out together. */
const MAX_RUN = 512
/** Longer than an attempt may take, so that nobody else can have the message at the same time. */
const LEASE_MS = 120_000
/** How often the outbox is looked at without being told: another process may have put something in. */
const POLL_MS = 15_000
/** Without news of the connection it is tried again after this. */
const DOWN_RETRY_MS = 60_000
/** What was sent may come back for so long; then its sealed text is deleted. */
const FORGET_SENT_MS = 86_400_000
const HOUR_MS = 3_600_000

/** What the loop works with. */
export interface DrainOptions extends SendOptions {
  readonly link: Link
  readonly bounces: Bounces
  /** Rung when there may be something to send. */
  readonly bell: OutboxBell
}

/** Sends what is in the outbox until stopped; resolves when nothing is under way any more. Never throws. */
export async function drain(options: DrainOptions): Promise<void> {
  const { parts, link, bell, stop } = options
  const { clock, log, storage, account } = parts
  const running = new Set<Promise<void>>()
  let nextRetryAt = Number.POSITIVE_INFINITY
  let forgotAt = Number.NEGATIVE_INFINITY
  /** There is a message that a connection was lost with: it goes alone, so that no other is blamed for it. */
  let careful = false

  const settle = async (leased: Leased, attempting: Promise<Attempted>) => {
    try {
      const { settlement, networkAway } = await attempting
      if (networkAway) link.down()
      if (settlement.kind === "waiting") nextRetryAt = Math.min(nextRetryAt, settlement.retryAt.getTime())
      await retrying(() => storage.outbox.settle(leased, settlement), { clock, log, what: "outbox", attempts: 4 })
      if (settlement.kind === "sent") await options.bounces.sent(settlement.stanzaId)
    } catch (error) {
      // The lease runs out, and it is tried again.
      log.error("outbox", { outboxId: leased.id, ...describeError(error) })
    }
  }

  const giveBack = (all: readonly Leased[]) =>
    Promise.all(all.map((leased) => settle(leased, Promise.resolve(untried(parts)))))

  const start = (run: readonly Leased[]): Promise<void> => {
    const recipient = run[0]?.recipient ?? account
    bell.busy.add(recipient)
    const done = sendRun(run, settle, options).finally(() => {
      running.delete(done)
      bell.busy.delete(recipient)
      bell.ring()
    })
    running.add(done)
    return done
  }

  const turn = async (): Promise<"idle" | "busy" | "full"> => {
    const room = careful && running.size > 0 ? 0 : MAX_AT_ONCE - running.size
    if (room <= 0) return "full"
    const now = clock.now()
    if (nextRetryAt <= now.getTime()) nextRetryAt = Number.POSITIVE_INFINITY
    const claim = { account, now, leaseMs: LEASE_MS, limit: room, perRecipient: careful ? 1 : MAX_RUN }
    const claimed = await storage.outbox.claim({ ...claim, signal: stop })
    const suspect = claimed.find((leased) => leased.lostConnections > 0)
    if (suspect === undefined) {
      careful = false
      for (const run of Map.groupBy(claimed, (leased) => leased.recipient).values()) void start(run)
    } else if (!careful || running.size > 0) {
      await giveBack(claimed)
      careful = true
    } else {
      await giveBack(claimed.filter((leased) => leased !== suspect))
      await start([suspect])
    }
    return claimed.length === 0 ? "idle" : "busy"
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
