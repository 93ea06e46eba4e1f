import { type BareJid, bareJid, type CallOptions, randomId, type XmlElement } from "@aurochs/core"
import { textBody } from "@aurochs/message"
import type { OutboxId } from "@aurochs/storage"
import type { OutgoingText } from "./bot.ts"
import type { OwnKeys } from "./own-keys.ts"
import type { Parts } from "./parts.ts"
import { sealEntry } from "./sealed-entry.ts"

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

/** @param onQueued told when there is something to send */
export function createOutgoing(parts: Parts, own: () => OwnKeys, onQueued: () => void): Outgoing {
  const { account, provider, storage, clock, random } = parts
  return {
    async enqueue(messages, options) {
      const ownKey = own().current
      const enqueuedAt = clock.now()
      const entries = []
      for (const message of messages) {
        // Prepared, so that one account has one line in the outbox however it is written.
        const recipient: BareJid = bareJid(message.to)
        const key = message.key ?? `random:${randomId(random)}`
        const { encryptedOnly } = message
        const sealed = await sealEntry(
          { recipient, key, payload: "payload" in message ? message.payload : [textBody(message.body)], encryptedOnly },
          { account, provider, ownKey, now: enqueuedAt, signal: options?.signal },
        )
        entries.push({ account, recipient, key, sealed, enqueuedAt })
      }
      const ids = await storage.outbox.enqueue(entries, options)
      onQueued()
      return ids
    },
  }
}
