import type { BareJid } from "@aurochs/core"
import { type Bell, createBell } from "./bell.ts"

/** Wakes whoever sends what is in the outbox. */
export interface OutboxBell extends Bell {
  /** Recipients whose messages are being sent: whoever sends looks for more of theirs afterwards by itself. */
  readonly busy: Set<BareJid>
  /** Something was queued for these. */
  queued(recipients: readonly BareJid[]): void
}

/** A bell that was not rung yet. */
export function createOutboxBell(): OutboxBell {
  const bell = createBell()
  const busy = new Set<BareJid>()
  return {
    ...bell,
    busy,
    queued(recipients) {
      if (recipients.some((recipient) => !busy.has(recipient))) bell.ring()
    },
  }
}
