import { bareJid, type CallOptions, randomId, type XmlElement } from "@aurochs/core"
import { textBody } from "@aurochs/message"
import type { NewOutboxEntry, OutboxId } from "@aurochs/storage"
import type { OutgoingText } from "./bot.ts"
import type { OutboxBell } from "./outbox-bell.ts"
import type { OwnWords } from "./own-words.ts"
import type { Parts } from "./parts.ts"
import { sealEntry, type WaitingMessage } from "./sealed-entry.ts"

/** Puts messages into the outbox. */
export interface Outgoing {
  /** All or none; durable when it resolves. */
  enqueue(messages: readonly QueuedMessage[], options?: CallOptions): Promise<OutboxId[]>
}

/** A text, or another payload, and whether it may ever leave in plaintext. */
export type QueuedMessage = Omit<OutgoingText, "body"> & { readonly encryptedOnly: boolean } & (
    | { readonly body: string }
    | { readonly payload: readonly XmlElement[] }
  )

/**
 * @param bell rung when there is something to send
 * @param words remembers what was sealed
 */
export function createOutgoing(parts: Parts, bell: OutboxBell, words: OwnWords): Outgoing {
  const { account, outboxKey, storage, clock, random } = parts
  return {
    async enqueue(messages, options) {
      const enqueuedAt = clock.now()
      const at = { account, outboxKey, signal: options?.signal }
      const waiting = messages.map((message): WaitingMessage => {
        const { encryptedOnly } = message
        const key = message.key ?? `random:${randomId(random)}`
        const payload = "payload" in message ? message.payload : [textBody(message.body)]
        // Prepared, so that one account has one line in the outbox however it is written.
        return { recipient: bareJid(message.to), key, payload, encryptedOnly }
      })
      const entries = await Promise.all(
        waiting.map(async (message): Promise<NewOutboxEntry> => {
          const { recipient, key } = message
          return { account, recipient, key, sealed: await sealEntry(message, at), enqueuedAt }
        }),
      )
      const ids = await storage.outbox.enqueue(entries, options)
      for (const [at, id] of ids.entries()) {
        const [entry, message] = [entries[at], waiting[at]]
        if (entry !== undefined && message !== undefined) words.remember(id, entry.sealed, message)
      }
      bell.queued(entries.map((entry) => entry.recipient))
      return ids
    },
  }
}
