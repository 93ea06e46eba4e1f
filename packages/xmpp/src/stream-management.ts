// XEP-0198 v1.6.3, Stream Management. https://xmpp.org/extensions/xep-0198.html
import { element, isAurochsError, type XmlElement } from "@aurochs/core"
import { namespaces, serializeXml } from "@aurochs/xml"
import { networkError } from "./errors.ts"

const { streamManagement: ns } = namespaces
const WRAP = 2 ** 32

/** One stanza that came in; the server may forget it only once it is done. */
export interface Inbound {
  done(): void
}

/** Counts what was sent and received over all connections of one resumable session. */
export interface StreamManagement {
  /** Remembers an outgoing stanza; resolves when the server has it. */
  outgoing(text: string): Promise<void>
  /** Counts an incoming stanza. Undefined: the server sent it again after a resumption, and it is in work already. */
  incoming(): Inbound | undefined
  /** The server's count. @throws {AurochsError} `NETWORK` if it is more than was sent (X4) */
  acknowledged(h: string | undefined): void
  /** Our count: everything before the first stanza that is not done. */
  answer(): XmlElement
  /** Is anything sent that the server has not confirmed? */
  readonly pending: () => number
  /** After `<enabled/>`: a new session, counted from zero. */
  enabled(id: string | undefined): void
  /** `<resume/>`, if there is a session to resume. */
  resumption(): XmlElement | undefined
  /** After `<resumed/>`: what has to be sent again. */
  resumed(h: string | undefined): string[]
  /** The session is gone: whatever was not confirmed is rejected. */
  lost(h?: string): void
}

/** Nothing is counted before {@link StreamManagement.enabled}. */
export function streamManagement(): StreamManagement {
  let id: string | undefined
  let outbound: { readonly text: string; resolve(): void; reject(error: unknown): void }[] = []
  let confirmed = 0
  let handled = 0
  let inbound: { isDone: boolean }[] = []
  /** How many of `inbound` the server will send once more. */
  let repeats = 0

  const confirm = (h: string | undefined) => {
    const count = /^\d{1,10}$/.test(h ?? "") ? Number(h) : Number.NaN
    const more = (((count - confirmed) % WRAP) + WRAP) % WRAP
    if (!(more <= outbound.length)) throw networkError("closed", "the server confirmed more stanzas than were sent")
    for (const stanza of outbound.splice(0, more)) stanza.resolve()
    confirmed = count
  }
  const settle = () => {
    while (inbound[0]?.isDone) {
      inbound.shift()
      handled = (handled + 1) % WRAP
    }
  }
  const rejectAll = () => {
    const lost = outbound
    outbound = []
    for (const stanza of lost)
      stanza.reject(networkError("closed", "the connection was lost before the server confirmed the stanza"))
  }
  return {
    outgoing(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      outbound.push({ text, resolve, reject })
      return promise
    },
    incoming() {
      if (repeats > 0) {
        repeats--
        return undefined
      }
      const entry = { isDone: false }
      inbound.push(entry)
      return {
        done() {
          entry.isDone = true
          settle()
        },
      }
    },
    acknowledged: confirm,
    answer: () => element("a", ns, { h: String(handled) }),
    pending: () => outbound.length,
    enabled(newId) {
      id = newId
      confirmed = 0
      handled = 0
      inbound = []
      repeats = 0
    },
    resumption: () => (id === undefined ? undefined : element("resume", ns, { previd: id, h: String(handled) })),
    resumed(h) {
      confirm(h)
      repeats = inbound.length
      return outbound.map(({ text }) => text)
    },
    lost(h) {
      if (h !== undefined) {
        try {
          confirm(h)
        } catch (error) {
          if (!isAurochsError(error, "NETWORK")) throw error
        }
      }
      id = undefined
      inbound = []
      repeats = 0
      rejectAll()
    },
  }
}

/** `<r/>` */
export const ackRequest: string = serializeXml(element("r", ns))

/** `<enable/>` with resumption. */
export const enableRequest: string = serializeXml(element("enable", ns, { resume: "true" }))
