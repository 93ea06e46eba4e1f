import { AurochsError, type CallOptions, type Delivery } from "@aurochs/core"
import type { Ledger } from "./ledger.ts"
import type { RoutedMessage } from "./origin.ts"
import { asyncQueue } from "./queue.ts"
import type { Inbound } from "./stream-management.ts"

/** Incoming messages on their way to the one consumer. */
export interface Inbox {
  /**
   * @param inbound told when the message is kept
   * @returns `queue-full`: it is not delivered and not forgotten, the archive has it
   */
  deliver(message: RoutedMessage, inbound: Inbound, now: Date): "delivered" | "known" | "queue-full"
  messages(options?: CallOptions): AsyncGenerator<Delivery, void, undefined>
  /** Resolves when somebody takes messages. */
  readonly consumed: Promise<void>
  /** Resolves when few messages are waiting. */
  room(options: CallOptions): Promise<void>
  end(error?: unknown): void
}

/** More than this wait in the server's archive. */
const MAX_WAITING = 1_000
const FEW = 50

/** @param ledger follows what was kept */
export function inboxOf(ledger: Ledger): Inbox {
  const roomWanted: (() => void)[] = []
  const checkRoom = () => {
    if (queue.size() >= FEW) return
    for (const go of roomWanted.splice(0)) go()
  }
  const queue = asyncQueue<Delivery>(checkRoom)
  const consumed = Promise.withResolvers<void>()
  let isConsumed = false
  return {
    deliver({ stanza, via, stampedAt, archiveId }, inbound, now) {
      const noted =
        archiveId === undefined
          ? undefined
          : ledger.note(archiveId, stampedAt ?? now, via === "mam" ? "archive" : "live")
      if (noted?.isNew === false) {
        if (noted.entry.isKept) inbound.done()
        else noted.entry.onKept.push(inbound.done)
        return "known"
      }
      if (queue.size() >= MAX_WAITING) {
        if (noted !== undefined) ledger.forget(noted.entry)
        return "queue-full"
      }
      queue.push({
        stanza,
        via,
        stampedAt,
        kept() {
          inbound.done()
          if (noted !== undefined) ledger.keep(noted.entry)
        },
      })
      return "delivered"
    },
    async *messages(options) {
      if (isConsumed) {
        const message = "messages() has a consumer already: each message goes to one"
        throw new AurochsError("CONFIGURATION", message, { field: "messages" })
      }
      isConsumed = true
      consumed.resolve()
      try {
        yield* queue.values(options)
      } finally {
        isConsumed = false
      }
    },
    consumed: consumed.promise,
    async room({ signal }) {
      if (queue.size() < FEW) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const onAbort = () => resolve()
      roomWanted.push(resolve)
      signal?.addEventListener("abort", onAbort, { once: true })
      await promise
      signal?.removeEventListener("abort", onAbort)
    },
    end: (error) => queue.end(error),
  }
}
