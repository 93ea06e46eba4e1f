// XEP-0198 v1.6.3, Stream Management. https://xmpp.org/extensions/xep-0198.html
import { element, type XmlElement } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { failure, networkError } from "./errors.ts"

const { streamManagement: ns } = namespaces
const WRAP = 2 ** 32

/** One stanza that came in; the server may forget it only once it is done. */
export interface Inbound {
  /** Doing it twice changes nothing. */
  done(): void
}

/** Counts what was sent and received over all connections of one session. */
export interface StreamManagement {
  /**
   * Remembers a stanza that is about to be sent; resolves when the server has it.
   *
   * @throws {AurochsError} `NETWORK` (`closed`) when the session is lost before
   */
  outgoing(text: string): Promise<void>
  /** What is sent and not acknowledged, oldest first. */
  unacknowledged(): readonly string[]
  /** Could the session go on after the connection is lost? */
  resumable(): boolean
  /** Counts an incoming stanza. Undefined: the server sends it again after a resumption, and it is in work already. */
  incoming(stanza: XmlElement): Inbound | undefined
  /**
   * The server's count.
   *
   * @throws {Error} if it is none, or more than was sent (X4): the stream must be given up
   */
  acknowledged(h: string | undefined): void
  /** `<a/>`: everything before the first stanza that is not done (X9). */
  acknowledgement(): XmlElement
  /** After `<enabled/>`: counted from zero. @param id undefined: it cannot be resumed */
  enabled(id: string | undefined): void
  /** `<resume/>`, if there is a session to resume. From here on our count stands still until the server answers. */
  resumption(): XmlElement | undefined
  /** The session is gone: what was not acknowledged is rejected, and never sent again by itself. */
  lost(h?: string): void
}

interface Arrived {
  readonly stanza: string
  isDone: boolean
}

/** Its state; nothing is counted before {@link StreamManagement.enabled}. */
export function streamManagement(): StreamManagement {
  let id: string | undefined
  const sent: { readonly text: string; resolve(): void; reject(error: unknown): void }[] = []
  let acknowledged = 0
  let handled = 0
  /** Arrived and not yet counted in `handled`, in order. */
  let arrived: Arrived[] = []
  /** How many of `arrived` have arrived over the present connection: the rest will be sent again. */
  let current = 0

  const count = (h: string | undefined): void => {
    const value = /^\d{1,10}$/.test(h ?? "") ? Number(h) : Number.NaN
    const more = (((value - acknowledged) % WRAP) + WRAP) % WRAP
    if (!(value < WRAP && more <= sent.length)) {
      throw failure(networkError("closed", "the server acknowledged more than it was sent"), { fatal: true })
    }
    acknowledged = value
    for (const stanza of sent.splice(0, more)) stanza.resolve()
  }
  const settle = () => {
    while (current > 0 && arrived[0]?.isDone) {
      arrived.shift()
      current--
      handled = (handled + 1) % WRAP
    }
  }
  const reset = () => {
    handled = 0
    arrived = []
    current = 0
  }
  return {
    outgoing(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      sent.push({ text, resolve, reject })
      return promise
    },
    unacknowledged: () => sent.map(({ text }) => text),
    resumable: () => id !== undefined,
    incoming(stanza) {
      const key = keyOf(stanza)
      if (current < arrived.length) {
        if (arrived[current]?.stanza === key) {
          current++
          settle()
          return undefined
        }
        // Not what was expected: rather twice than never.
        arrived.length = current
      }
      const entry: Arrived = { stanza: key, isDone: false }
      arrived.push(entry)
      current++
      return {
        done() {
          entry.isDone = true
          settle()
        },
      }
    },
    acknowledged: count,
    acknowledgement: () => element("a", ns, { h: String(handled) }),
    enabled(newId) {
      id = newId
      acknowledged = 0
      reset()
    },
    resumption() {
      if (id === undefined) return undefined
      current = 0
      return element("resume", ns, { previd: id, h: String(handled) })
    },
    lost(h) {
      try {
        if (h !== undefined) count(h)
      } catch {
        // A count that cannot be is no count.
      }
      id = undefined
      reset()
      for (const { reject } of sent.splice(0)) {
        reject(networkError("closed", "the session was lost before the server acknowledged the stanza"))
      }
    },
  }
}

/** Enough to know a stanza again; the server may have added a `<delay/>`. */
function keyOf({ name, attributes: { id = "", from = "", to = "", type = "" } }: XmlElement): string {
  return JSON.stringify([name, id, from, to, type])
}
