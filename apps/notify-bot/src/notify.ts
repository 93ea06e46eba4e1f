import { createHash } from "node:crypto"
import type { BareJid } from "@aurochs/core"
import { identityOf, type Notification } from "./alertmanager.ts"
import type { Recipient } from "./config.ts"
import { notificationText } from "./text.ts"

/** A message for the outbox. */
export interface Queued {
  readonly to: BareJid
  readonly body: string
  /** The same notification for the same recipient has the same key: it is one message. */
  readonly key: string
}

/** One message for each recipient. */
export function messagesFor(
  notification: Notification,
  recipients: readonly Recipient[],
  options: { readonly maxBytes: number },
): Queued[] {
  const body = notificationText(notification, options.maxBytes)
  const identity = createHash("sha256").update(identityOf(notification)).digest("hex")
  return recipients.map(({ jid }) => ({ to: jid, body, key: `alertmanager:${identity}:${jid}` }))
}
