import { isAurochsError, type XmlElement } from "@aurochs/core"
import { childReader, createStreamParser, defaultXmlLimits, parseXml, type XmlLimits } from "@aurochs/xml"
import { stanzaSplitter } from "./stanza-splitter.ts"

/** What a stream consists of. */
export interface ReaderHandlers {
  open(header: XmlElement): void
  element(element: XmlElement): void
  /** A child of the stream was beyond a bound and is left out. `name`: as written. */
  skipped(name: string): void
  close(): void
}

/** How far a child of the stream may go beyond `maxBytes` and still only be skipped. */
const SKIP_FACTOR = 16
const FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"

/**
 * Reads an XMPP stream with the strictness of `parseXml` (X3, X11). What is not well-formed ends the stream: a server
 * does not send it. A stanza beyond a bound (X10) is left out instead, because any stranger can have the server deliver
 * one, live and from the archive: ending the stream each time would lock the account out.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) from the returned function: the stream must be given up
 */
export function streamReader(handlers: ReaderHandlers, partial: Partial<XmlLimits>): (chunk: Uint8Array) => void {
  const limits = { ...defaultXmlLimits, ...partial }
  const closing = new TextEncoder().encode("</stream:stream>")
  /** Inside of the stream's start tag, which declares its namespaces. */
  let read: ReturnType<typeof childReader> | undefined
  return stanzaSplitter(
    {
      header(bytes) {
        createStreamParser({ open: handlers.open, element: () => {}, close: () => {} }).write(bytes)
        // Without the XML declaration, which only stands at the very beginning.
        read = childReader(bytes.subarray(bytes.lastIndexOf("<".charCodeAt(0))), closing, limits)
      },
      stanza(bytes, name) {
        const element = readOrSkip(() => read?.(bytes))
        if (element === undefined) handlers.skipped(name)
        else handlers.element(element)
      },
      skipped: handlers.skipped,
      end: handlers.close,
    },
    { maxBytes: limits.maxBytes, maxSkippedBytes: limits.maxBytes * SKIP_FACTOR },
  )
}

/**
 * Reads an XMPP stream over WebSocket: each message is one element (RFC 7395 §3.3). Otherwise as {@link streamReader}.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) from the returned function
 */
export function frameReader(handlers: ReaderHandlers, limits: Partial<XmlLimits>): (text: string) => void {
  return (text) => {
    const frame = readOrSkip(() => parseXml(text, limits))
    if (frame === undefined) handlers.skipped(/^\s*<([^\s/>]{1,64})/.exec(text.slice(0, 1_000))?.[1] ?? "")
    else if (frame.namespace !== FRAMING) handlers.element(frame)
    else if (frame.name === "open") handlers.open(frame)
    else if (frame.name === "close") handlers.close()
  }
}

function readOrSkip(read: () => XmlElement | undefined): XmlElement | undefined {
  try {
    return read()
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA") && error.details.limit !== undefined) return undefined
    throw error
  }
}
