import { type BareJid, bareJid, type CallOptions, randomId, type XmlElement } from "@aurochs/core"
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
      const entries: NewOutboxEntry[] = []
      const waiting: WaitingMessage[] = []
      for (const message of messages) {
        // Prepared, so that one account has one line in the outbox however it is written.
        const recipient: BareJid = bareJid(message.to)
        const key = message.key ?? `random:${randomId(random)}`
        const { encryptedOnly } = message
        const payload = "payload" in message ? message.payload : [textBody(message.body)]
        const text: WaitingMessage = { recipient, key, payload, encryptedOnly }
        const at = { account, outboxKey, signal: options?.signal }
        entries.push({ account, recipient, key, sealed: await sealEntry(text, at), enqueuedAt })
        waiting.push(text)
      }
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
