import type { XmlElement } from "@aurochs/core"
import { readStanzaError, type StanzaError } from "@aurochs/xml"
import { backoffMs } from "./backoff.ts"
import type { Parts } from "./parts.ts"
import { retrying } from "./retrying.ts"

/** Messages whose bounces are counted, and bounces of unknown messages that are remembered for a moment. */
const MAX_COUNTED = 1000
const MAX_EARLY = 100
/** A bounce that was faster than our own bookkeeping was so by less than this. */
const EARLY_MS = 120_000
/**
 * What passes by itself, whatever type the server gives it: Prosody says `cancel` when a connection to another server
 * cannot be made (RFC 6120 §8.3.3).
 */
const PASSING: ReadonlySet<string> = new Set([
  "recipient-unavailable",
  "remote-server-not-found",
  "remote-server-timeout",
  "resource-constraint",
])

/** Takes messages that came back (RFC 6120 §8.3) into the outbox again. */
export interface Bounces {
  /** @param stanza a message; what is no bounce of something sent from here changes nothing */
  take(stanza: XmlElement): Promise<void>
  /** A message is settled as sent now: its bounce may have been faster. */
  sent(stanzaId: string): Promise<void>
}

/** @param onReturned told when a message waits again */
export function createBounces(parts: Parts, onReturned: () => void): Bounces {
  const { account, storage, clock, log } = parts
  const counts = new Map<string, number>()
  const early = new Map<string, { readonly error: StanzaError; readonly at: number }>()

  const giveBack = async (stanzaId: string, error: StanzaError): Promise<"settled" | "unknown"> => {
    const condition = error.condition.slice(0, 100)
    const because = `came back: ${condition}`
    const isPassing = error.type === "wait" || PASSING.has(error.condition)
    const count = (counts.get(stanzaId) ?? 0) + 1
    const retryAt = new Date(clock.now().getTime() + backoffMs(count))
    const settlement = isPassing
      ? ({ kind: "waiting", retryAt, because } as const)
      : ({ kind: "parked", because } as const)
    const give = () => storage.outbox.returned({ account, stanzaId }, settlement)
    const result = await retrying(give, { clock, log, what: "outbox", attempts: 4 })
    if (result === "unknown") return result
    if (counts.size >= MAX_COUNTED) counts.clear()
    counts.set(stanzaId, count)
    log.warn(isPassing ? "message came back, it is sent again" : "message came back, it is parked", {
      stanzaId,
      condition,
      type: error.type,
    })
    if (isPassing) onReturned()
    return result
  }

  return {
    async take(stanza) {
      const error = readStanzaError(stanza)
      const stanzaId = stanza.attributes.id
      // "continue" is only a warning: the message went through.
      if (error === undefined || stanzaId === undefined || error.type === "continue") return
      if ((await giveBack(stanzaId, error)) === "settled") return
      if (early.size >= MAX_EARLY) early.clear()
      early.set(stanzaId, { error, at: clock.now().getTime() })
    },
    async sent(stanzaId) {
      const bounce = early.get(stanzaId)
      early.delete(stanzaId)
      if (bounce === undefined || clock.now().getTime() - bounce.at > EARLY_MS) return
      await giveBack(stanzaId, bounce.error)
    },
  }
}
