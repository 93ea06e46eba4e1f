import { isAurochsError } from "@aurochs/core"
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

/** Tells the operator what happens on the connection: at `info` and above, whether there is one and why not. */
export function logConnection(log: Logger, event: TransportEvent): void {
  const { kind } = event
  if (kind === "connected") {
    const { self, resumed, secure, acknowledgements } = event
    log.info({ self, resumed, secure, acknowledgements }, "connected")
  } else if (kind === "caught-up") {
    log.debug({ kind, messages: event.messages }, "connection")
  } else if (kind === "dropped") {
    log.warn({ kind, why: event.why, from: event.from }, "connection")
  } else {
    const { code, message } = event.error
    const next = "retryInMs" in event ? { retryInMs: event.retryInMs } : {}
    log.warn({ kind, code, reason: message, ...next }, "connection")
  }
}
