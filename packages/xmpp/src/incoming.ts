import { AurochsError, type XmlElement } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { type ClientStream, clientStream } from "./client-boundary.ts"
import { networkError, type Proved, streamError } from "./errors.ts"
import type { Settings } from "./options.ts"
import type { Wire } from "./wire.ts"

/** Who gets what comes over a bound stream. */
export interface LinkListener {
  /** @param counted it came after `<enabled/>` */
  element(element: XmlElement, counted: boolean): void
  /** A stanza of this name was beyond a bound, and is left out. */
  skipped(name: string): void
}

/** Elements that may come before the session is ready. */
const MAX_EARLY = 1_000

/** The stream's elements, taken one by one while the session is made, pushed to a listener afterwards. */
export interface Incoming {
  readonly stream: ClientStream
  /** As `work`, or rejected as soon as the stream is over. */
  unlessOver<T>(work: Promise<T>): Promise<T>
  /** The next element that fits; others before it wait for the listener. */
  next(fits: (element: XmlElement) => boolean): Promise<XmlElement>
  readonly early: XmlElement[]
  readonly queued: XmlElement[]
  listen(listener: LinkListener): void
  /** Who is at the other end from here on; nobody is, to begin with. */
  proved(who: Proved): void
  readonly over: Promise<unknown>
  destroy(reason: unknown): void
}

/** @param wire not secured by STARTTLS yet, perhaps */
export function incoming(settings: Settings, wire: Wire, kind: "tcp" | "websocket"): Incoming {
  const { domain, username, limits } = settings
  const over = Promise.withResolvers<unknown>()
  let reason: unknown
  let proved: Proved = "nobody"
  const failed = over.promise.then((why) => Promise.reject(why))
  failed.catch(() => {})
  const early: XmlElement[] = []
  const queued: XmlElement[] = []
  let listener: LinkListener | undefined
  let wake = () => {}
  const finish = (why: unknown) => {
    reason ??= why
    stream.destroy()
    over.resolve(reason)
    wake()
  }
  const stream = clientStream({ domain, username, limits }, wire, kind, {
    element(element) {
      if (element.name === "error" && element.namespace === namespaces.streams) finish(streamError(element, proved))
      else if (listener !== undefined) listener.element(element, true)
      else if (queued.push(element) > MAX_EARLY) finish(networkError("closed", "the server talks before the session"))
      else wake()
    },
    skipped(name) {
      if (listener !== undefined) listener.skipped(name)
      else finish(new AurochsError("BAD_DATA", "bad XML: a bound was exceeded before the session", { what: "xml" }))
    },
    over: finish,
  })
  return {
    stream,
    early,
    queued,
    proved: (who) => {
      proved = who
    },
    over: over.promise,
    destroy: finish,
    unlessOver: (work) => Promise.race([work, failed]),
    async next(fits) {
      for (;;) {
        const element = queued.shift()
        if (element !== undefined && fits(element)) return element
        if (element !== undefined) early.push(element)
        else if (reason !== undefined) throw reason
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    listen(next) {
      for (const element of early.splice(0)) next.element(element, false)
      for (const element of queued.splice(0)) next.element(element, true)
      listener = next
    },
  }
}
