import { AurochsError, element, isAurochsError, type Random, randomId, type XmlElement } from "@aurochs/core"
import { iq, namespaces, serializeXml } from "@aurochs/xml"
import type { Link } from "./bind.ts"
import { networkError } from "./errors.ts"
import type { Requests } from "./iq.ts"
import type { Settings } from "./options.ts"
import type { StreamManagement } from "./stream-management.ts"

/** Everything that is sent, over all connections. */
export interface Outbound {
  /** Goes on over this connection; first what a resumed session still owes. */
  attach(link: Link): void
  detach(): void
  /** Resolves when the server has it. @throws {AurochsError} `NETWORK`, `BAD_DATA` (`maxStanzaBytes`) */
  stanza(stanza: XmlElement): Promise<void>
  /** As {@link stanza}, for what nobody waits for. */
  post(stanza: XmlElement): void
  /** `<a/>` has come. */
  acknowledged(h: string | undefined): void
  /** `<r/>` has come. */
  acknowledge(): void
  /** Anything has come. */
  heard(): void
  /** Writes at once what would be written in a moment. */
  flush(): void
}

const R = serializeXml(element("r", namespaces.streamManagement))
/** How soon to ask again if the server has acknowledged, but not everything. */
const ASK_AGAIN_MS = 1_000

/** Sends, asks for acknowledgements, and gives a connection up that no longer answers. */
export function outboundOf(settings: Settings, management: StreamManagement, requests: Requests): Outbound {
  const { clock, keepaliveMs, ackTimeoutMs, maxStanzaBytes, random } = settings
  let link: Link | undefined
  /** Ends with the connection. */
  let connected = new AbortController()
  let lastHeard = 0
  let asked: AbortController | undefined
  /** Stanzas were sent after the last `<r/>`. */
  let unasked = false

  /** What is written in one turn of the event loop leaves in one piece, with one `<r/>` behind it. */
  let pending: string[] = []
  const flush = () => {
    const current = link
    if (unasked) ask()
    const elements = pending
    pending = []
    if (elements.length > 0) current?.write(...elements).catch((error: unknown) => current.destroy(error))
  }
  const write = (text: string) => {
    if (link === undefined) return
    if (pending.length === 0) setImmediate(flush)
    pending.push(text)
  }
  const later = (ms: number, signal: AbortSignal, then: () => void) =>
    void clock.sleep(ms, { signal }).then(then, () => {})

  const ask = () => {
    if (link?.acknowledgements !== true) return
    if (asked !== undefined) return
    const mine = new AbortController()
    asked = mine
    unasked = false
    write(R)
    const current = link
    later(ackTimeoutMs, AbortSignal.any([mine.signal, connected.signal]), () =>
      current.destroy(networkError("timeout", "the server does not acknowledge")),
    )
  }
  const ping = async (): Promise<void> => {
    try {
      const request = iq({ type: "get" }, element("ping", namespaces.ping))
      await requests.request(request, stanza, { timeoutMs: ackTimeoutMs, signal: connected.signal })
    } catch (error) {
      // A server that refuses has answered, too.
      if (!isAurochsError(error, "STANZA_ERROR")) throw error
    }
  }
  const keepAlive = () => {
    const silentMs = clock.now().getTime() - lastHeard
    if (silentMs >= keepaliveMs) {
      if (link?.acknowledgements) ask()
      else {
        const current = link
        ping().catch((error: unknown) => current?.destroy(error))
      }
    }
    later(Math.max(keepaliveMs / 4, keepaliveMs - silentMs), connected.signal, keepAlive)
  }

  async function stanza(stanza: XmlElement): Promise<void> {
    const text = serializeXml(withId(stanza, random))
    if (Buffer.byteLength(text) > maxStanzaBytes) {
      const details = { what: "xml", limit: "maxStanzaBytes" } as const
      throw new AurochsError("BAD_DATA", `the stanza would be longer than ${maxStanzaBytes} bytes`, details)
    }
    if (link === undefined) {
      if (!management.resumable()) throw networkError("closed", "there is no connection")
      // It is sent when the session is resumed.
      return await management.outgoing(text)
    }
    if (!link.acknowledgements) return await link.write(text)
    const acknowledged = management.outgoing(text)
    write(text)
    unasked = true
    return await acknowledged
  }

  return {
    attach(next) {
      link = next
      pending = []
      connected = new AbortController()
      asked = undefined
      lastHeard = clock.now().getTime()
      // Counted and not written: from before a resumption, or since a new session was enabled a moment ago. An unwritten
      // one would shift every acknowledgement that follows.
      const owed = management.unacknowledged()
      for (const text of owed) write(text)
      if (owed.length > 0) ask()
      later(keepaliveMs, connected.signal, keepAlive)
    },
    detach() {
      link = undefined
      pending = []
      connected.abort()
    },
    async stanza(what) {
      const noAcknowledgements = link !== undefined && !link.acknowledgements
      await stanza(what)
      // An answered ping says that what went before it has arrived (RFC 6120 §10.1: in order).
      if (noAcknowledgements && what.name !== "iq") await ping()
    },
    post: (what) => void stanza(what).catch(() => {}),
    acknowledged(h) {
      asked?.abort()
      asked = undefined
      management.acknowledged(h)
      if (management.unacknowledged().length === 0) return
      if (unasked) ask()
      else later(ASK_AGAIN_MS, connected.signal, () => (management.unacknowledged().length > 0 ? ask() : undefined))
    },
    acknowledge: () => write(serializeXml(management.acknowledgement())),
    flush,
    heard() {
      lastHeard = clock.now().getTime()
    },
  }
}

function withId(stanza: XmlElement, random: Random): XmlElement {
  if (stanza.attributes.id !== undefined) return stanza
  return { ...stanza, attributes: { ...stanza.attributes, id: randomId(random) } }
}
