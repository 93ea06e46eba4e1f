import { type Clock, isAurochsError, systemClock } from "@aurochs/core"
import type { TransportEvent } from "@aurochs/xmpp"
import type { Logger } from "pino"

/**
 * An error as a log may have it: the messages of our own errors never hold plaintext or secrets; of any other error
 * only its name is told.
 */
export function reasonOf(error: unknown): string {
  if (isAurochsError(error)) return `${error.code}: ${error.message}`
  return error instanceof Error ? error.name : "unknown"
}

/** Lines about ignored stanzas in one minute: any stranger can cause them. */
const MAX_DROPPED = 10
const MINUTE_MS = 60_000

/**
 * Tells the operator what happens on the connection: at `info` and above, whether there is one and why not. Of what was
 * ignored only the first in each minute are told at that level, and how many more there were.
 */
export function connectionLog(log: Logger, clock: Pick<Clock, "now"> = systemClock()): (event: TransportEvent) => void {
  let minute = Number.NaN
  let dropped = 0
  return (event) => {
    if (event.kind !== "dropped") return logConnection(log, event)
    const now = Math.floor(clock.now().getTime() / MINUTE_MS)
    if (now !== minute) {
      if (dropped > MAX_DROPPED) log.warn({ kind: "dropped", more: dropped - MAX_DROPPED }, "connection")
      minute = now
      dropped = 0
    }
    dropped += 1
    const line = { kind: event.kind, why: event.why, from: event.from }
    if (dropped <= MAX_DROPPED) log.warn(line, "connection")
    else log.debug(line, "connection")
  }
}

function logConnection(log: Logger, event: Exclude<TransportEvent, { kind: "dropped" }>): void {
  const { kind } = event
  if (kind === "connected") {
    const { self, resumed, secure, acknowledgements } = event
    log.info({ self, resumed, secure, acknowledgements }, "connected")
  } else if (kind === "caught-up") {
    log.debug({ kind, messages: event.messages }, "connection")
  } else {
    const { code, message } = event.error
    const next = "retryInMs" in event ? { retryInMs: event.retryInMs } : {}
    log.warn({ kind, code, reason: message, ...next }, "connection")
  }
}
