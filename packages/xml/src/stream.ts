import type { XmlElement } from "@aurochs/core"
import { badXml, beyond, defaultXmlLimits, type XmlLimits } from "./limits.ts"
import { treeBuilder } from "./tree-builder.ts"

/** What an XMPP stream consists of (RFC 6120 §4). */
export interface StreamHandlers {
  /** The `<stream:stream>` start tag, without children. */
  open(header: XmlElement): void
  /** A complete child of the stream: a stanza or a nonza. */
  element(element: XmlElement): void
  /** `</stream:stream>` */
  close(): void
}

/** Reads a stream piece by piece. */
export interface StreamParser {
  /** @throws {AurochsError} `BAD_DATA` (`xml`): the stream must be given up */
  write(chunk: Uint8Array): void
  /** No more will come. */
  end(): void
}

const STREAM_NAMESPACE = "http://etherx.jabber.org/streams"
/** The parser is fed slices of this size, so that a bound is noticed before a large chunk was worked through. */
const SLICE_BYTES = 16_384

/**
 * An incremental parser for an XMPP stream with the same strictness as `parseXml`. Characters may be split across
 * chunks. The bounds hold for each stanza.
 */
export function createStreamParser(handlers: StreamHandlers, limits: Partial<XmlLimits> = {}): StreamParser {
  const bounds = { ...defaultXmlLimits, ...limits }
  const decoder = new TextDecoder("utf-8", { fatal: true })
  let pendingBytes = 0
  let closed = false
  const builder = treeBuilder(
    {
      rootOpened: (header) => {
        if (header.name !== "stream" || header.namespace !== STREAM_NAMESPACE) throw badXml("not an XMPP stream")
        handlers.open(header)
      },
      childClosed: (child) => handlers.element(child),
      rootClosed: () => {
        closed = true
        handlers.close()
      },
    },
    bounds,
  )
  return {
    write(chunk) {
      for (let at = 0; at < chunk.length && !closed; at += SLICE_BYTES) {
        const slice = chunk.subarray(at, at + SLICE_BYTES)
        pendingBytes += slice.length
        if (pendingBytes > bounds.maxBytes + SLICE_BYTES) throw beyond("maxBytes", bounds.maxBytes)
        builder.write(decode(decoder, slice))
        if (builder.depth() <= 1) pendingBytes = 0
        else if (pendingBytes > bounds.maxBytes) throw beyond("maxBytes", bounds.maxBytes)
      }
    },
    end() {
      if (!closed) builder.end()
    },
  }
}

function decode(decoder: InstanceType<typeof TextDecoder>, slice: Uint8Array): string {
  try {
    return decoder.decode(slice, { stream: true })
  } catch (cause) {
    throw badXml("not valid UTF-8", cause)
  }
}
