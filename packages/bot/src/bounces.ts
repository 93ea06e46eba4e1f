import type { XmlElement } from "@aurochs/core"
import { readStanzaError } from "@aurochs/xml"
import { backoffMs } from "./backoff.ts"
import type { Parts } from "./parts.ts"

/** Messages whose bounces are counted. */
const MAX_COUNTED = 1000

/** Takes messages that came back (RFC 6120 §8.3) into the outbox again. */
export interface Bounces {
  /** Resolves with false if it is no bounce of something that was sent from here. */
  take(stanza: XmlElement): Promise<boolean>
}

/** @param onReturned told when a message waits again */
export function createBounces(parts: Parts, onReturned: () => void): Bounces {
  const { account, storage, clock, log } = parts
  const counts = new Map<string, number>()
  return {
    async take(stanza) {
      const error = readStanzaError(stanza)
      const stanzaId = stanza.attributes.id
      // "continue" is only a warning: the message went through.
      if (error === undefined || stanzaId === undefined || error.type === "continue") return false
      const because = `came back: ${error.condition.slice(0, 100)}`
      const isPassing = error.type === "wait"
      const count = (counts.get(stanzaId) ?? 0) + 1
      const retryAt = new Date(clock.now().getTime() + backoffMs(count))
      const result = await storage.outbox.returned(
        { account, stanzaId },
        isPassing ? { kind: "waiting", retryAt, because } : { kind: "parked", because },
      )
      if (result === "unknown") return false
      if (counts.size >= MAX_COUNTED) counts.clear()
      counts.set(stanzaId, count)
      log.warn(isPassing ? "message came back, it is sent again" : "message came back, it is parked", {
        stanzaId,
        condition: error.condition.slice(0, 100),
        type: error.type,
      })
      if (isPassing) onReturned()
      return true
    },
  }
}
