import { EventEmitter } from "node:events"
import type { XmlElement } from "@aurochs/core"
import { createStreamParser, parseXml, type StreamParser, type XmlLimits } from "@aurochs/xml"

const FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"

/** What the strict parser tells. */
export interface StrictHandlers {
  readonly start: (header: XmlElement) => void
  readonly element: (element: XmlElement) => void
  readonly end: () => void
  readonly error: (error: unknown) => void
}

/**
 * Reads what a socket gives: bytes of an XMPP stream, or one WebSocket message after another (RFC 7395 §3.3). After an
 * error it is deaf. Replaces the library's parser, which splits characters (X3), has no bounds (X10) and is lax (X11).
 */
export function strictReader(
  handlers: StrictHandlers,
  limits: Partial<XmlLimits>,
): (data: Uint8Array | string) => void {
  let stream: StreamParser | undefined
  let failed = false
  return (data) => {
    if (failed) return
    try {
      if (typeof data === "string") readFrame(parseXml(data, limits), handlers)
      else {
        stream ??= createStreamParser({ open: handlers.start, element: handlers.element, close: handlers.end }, limits)
        stream.write(data)
      }
    } catch (error) {
      failed = true
      handlers.error(error)
    }
  }
}

function readFrame(frame: XmlElement, handlers: StrictHandlers): void {
  if (frame.namespace !== FRAMING) handlers.element(frame)
  else if (frame.name === "open") handlers.start(frame)
  else if (frame.name === "close") handlers.end()
}

/** In the shape the library expects of a parser: it emits `start`, `element`, `end`, `error`. */
export interface LibraryParser extends EventEmitter {
  write(data: Uint8Array | string): void
}

/**
 * @param onElement sees each element first; what it returns goes on to the library, nothing if undefined
 * @param convert makes the library's kind of element
 */
export function libraryParser(
  onElement: (element: XmlElement) => XmlElement | undefined,
  convert: (element: XmlElement) => unknown,
  limits: Partial<XmlLimits>,
): LibraryParser {
  const emitter = new EventEmitter()
  const read = strictReader(
    {
      start: (header) => emitter.emit("start", convert(header)),
      element: (element) => {
        const passed = onElement(element)
        if (passed !== undefined) emitter.emit("element", convert(passed))
      },
      end: () => emitter.emit("end"),
      error: (error) => emitter.emit("error", error),
    },
    limits,
  )
  return Object.assign(emitter, { write: read })
}
