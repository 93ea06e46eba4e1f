// RFC 6120 §8.2.3 (IQ semantics), §10.3.3 (who may answer).
import {
  AurochsError,
  aborted,
  type BareJid,
  type CallOptions,
  type Clock,
  type FullJid,
  parseJid,
  type Random,
  randomId,
  throwIfAborted,
  type XmlElement,
} from "@aurochs/core"
import { readStanzaError } from "@aurochs/xml"
import { networkError } from "./errors.ts"

/** Requests that wait for an answer. */
export interface Requests {
  /**
   * @param send hands the stanza to the stream
   * @throws {AurochsError} `STANZA_ERROR`, `NETWORK`, `ABORTED`
   */
  request(
    iq: XmlElement,
    send: (iq: XmlElement) => Promise<void>,
    options: CallOptions & { readonly timeoutMs: number },
  ): Promise<XmlElement>
  /** Is it an answer that somebody waits for? Then it is delivered to them. */
  answered(iq: XmlElement, self: { readonly account: BareJid; readonly full?: FullJid | undefined }): boolean
  /** No answer will come any more. */
  failAll(error: AurochsError): void
}

interface Waiting {
  readonly to: string | undefined
  resolve(answer: XmlElement): void
  reject(error: unknown): void
}

/** Answers are matched by id and by sender: an id can be guessed or overheard, an address cannot be forged (X2). */
export function iqRequests(options: { readonly random: Random; readonly clock: Clock }): Requests {
  const waiting = new Map<string, Waiting>()
  return {
    async request(iq, send, { timeoutMs, signal }) {
      throwIfAborted({ signal })
      const id = randomId(options.random)
      const { promise, resolve, reject } = Promise.withResolvers<XmlElement>()
      promise.catch(() => {})
      waiting.set(id, { to: iq.attributes.to, resolve, reject })
      const onAbort = () => reject(aborted(signal))
      signal?.addEventListener("abort", onAbort, { once: true })
      const finished = new AbortController()
      options.clock.sleep(timeoutMs, { signal: finished.signal }).then(
        () => reject(networkError("timeout", "no answer came in time")),
        () => {},
      )
      try {
        send({ ...iq, attributes: { ...iq.attributes, id } }).catch(reject)
        return await promise
      } finally {
        waiting.delete(id)
        finished.abort()
        signal?.removeEventListener("abort", onAbort)
      }
    },
    answered(iq, self) {
      const { id, type, from } = iq.attributes
      if ((type !== "result" && type !== "error") || id === undefined) return false
      const request = waiting.get(id)
      if (request === undefined || !mayAnswer(request.to, from, self)) return false
      waiting.delete(id)
      const error = readStanzaError(iq)
      if (error === undefined) request.resolve(iq)
      else {
        const { condition, type: kind, application } = error
        request.reject(
          new AurochsError("STANZA_ERROR", `the answer was an error: ${condition}`, {
            condition,
            type: kind,
            ...(application === undefined ? {} : { application }),
          }),
        )
      }
      return true
    },
    failAll(error) {
      for (const request of waiting.values()) request.reject(error)
      waiting.clear()
    },
  }
}

/** RFC 6120 §10.3.3: the server may answer for the account with its bare JID, its own domain, or no address at all. */
function mayAnswer(
  to: string | undefined,
  from: string | undefined,
  self: { readonly account: BareJid; readonly full?: FullJid | undefined },
): boolean {
  const { domain } = parseJid(self.account)
  const own = [self.account, self.full ?? self.account]
  const asked = prepared(to)
  if (to === undefined || own.includes(asked ?? "")) {
    return from === undefined || [...own, domain].includes(prepared(from) ?? "")
  }
  if (from === undefined) return asked === domain
  return asked !== undefined && asked === prepared(from)
}

/** An address in the one form that compares; undefined if it is none. */
function prepared(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    const { local, domain, resource } = parseJid(text)
    return `${local === undefined ? "" : `${local}@`}${domain}${resource === undefined ? "" : `/${resource}`}`
  } catch {
    return undefined
  }
}
