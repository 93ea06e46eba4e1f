// RFC 6120 §4 (streams) and §11 (what XML is allowed in one). https://www.rfc-editor.org/rfc/rfc6120
import type { XmlElement } from "@aurochs/core"
import { isWhiteSpace, utf8Length } from "./characters.ts"
import { badXml, beyond, completeLimits, type XmlLimits } from "./limits.ts"
import { namespaces } from "./namespaces.ts"
import { treeBuilder } from "./tree-builder.ts"

/** What an XMPP stream consists of (RFC 6120 §4). */
export interface StreamHandlers {
  /** The `<stream:stream>` start tag, without children. */
  open(header: XmlElement): void
  /** A complete child of the stream: a stanza or a nonza. */
  element(element: XmlElement): void
  /** `</stream:stream>`; whatever follows is not looked at. */
  close(): void
}

/** Reads a stream piece by piece. */
export interface StreamParser {
  /**
   * Hands over what is complete, then throws if what follows is not right. After that, every call throws the same.
   *
   * @throws {AurochsError} `BAD_DATA` (`xml`): the stream must be given up
   */
  write(chunk: Uint8Array): void
  /**
   * No more will come.
   *
   * @throws {AurochsError} `BAD_DATA` (`xml`) if the stream was not closed
   */
  end(): void
}

/** The parser is fed slices of this size, so that a bound is noticed before a large chunk was worked through. */
const SLICE_BYTES = 16_384

/**
 * An incremental parser for an XMPP stream with the strictness of `parseXml`; comments are refused, too (RFC 6120
 * §11.1). Characters may be split across chunks. The bounds hold for the header and for each stanza: an unfinished one
 * is refused as soon as it reaches `maxBytes`.
 *
 * @param limits any of the bounds; {@link defaultXmlLimits} for the rest
 * @throws {AurochsError} `CONFIGURATION` for a bound that bounds nothing
 */
export function createStreamParser(handlers: StreamHandlers, limits: Partial<XmlLimits> = {}): StreamParser {
  const bounds = completeLimits(limits)
  // The byte order mark is left to the XML parser, so that bytes can be counted by the text.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  /** Handlers are called when the parser is at rest: an error of theirs is not one of the stream. */
  const events: (() => void)[] = []
  let failure: { readonly error: unknown } | undefined
  let ended = false
  /** Between two stanzas, where white space (keep-alive) may go on for years. */
  let idle = false
  /** Bytes of the unfinished stanza, and those of them that are part of a character. */
  let pendingBytes = 0
  let heldBytes = 0
  /** The slice being parsed, the units before it, and where in it the last stanza ended. */
  let text = ""
  let unitsBefore = 0
  let mark = 0

  const builder = treeBuilder(
    {
      opened: (header, position) => {
        if (header.name !== "stream" || header.namespace !== namespaces.streams) throw badXml("not an XMPP stream")
        finished(position, 0)
        events.push(() => handlers.open(header))
      },
      closed: (stanza, position, growth) => {
        finished(position, growth)
        events.push(() => handlers.element(stanza))
      },
      ended: () => {
        ended = true
        events.push(() => handlers.close())
      },
    },
    bounds,
    { treeDepth: 1, comments: "refused" },
  )

  function finished(position: number, growth: number): void {
    const end = position - unitsBefore
    if (pendingBytes + utf8Length(text.slice(mark, end)) + growth > bounds.maxBytes)
      throw beyond("maxBytes", bounds.maxBytes)
    pendingBytes = 0
    mark = end
  }

  function readSlice(slice: Uint8Array): void {
    text = decode(decoder, slice)
    mark = 0
    builder.write(text)
    const rest = text.slice(mark)
    heldBytes += slice.length - utf8Length(text)
    idle = (idle || mark > 0) && heldBytes === 0 && isWhiteSpace(rest)
    pendingBytes = idle ? 0 : pendingBytes + utf8Length(rest)
    unitsBefore += text.length
  }

  function read(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !ended; ) {
      if (idle && isSpace(chunk[at])) {
        at++
        continue
      }
      const room = bounds.maxBytes - pendingBytes - heldBytes
      if (room <= 0) throw beyond("maxBytes", bounds.maxBytes)
      const slice = chunk.subarray(at, at + Math.min(room, SLICE_BYTES))
      readSlice(slice)
      at += slice.length
    }
  }

  function guarded(work: () => void): void {
    if (failure !== undefined) throw failure.error
    try {
      work()
    } catch (error) {
      failure = { error }
    }
    for (let event = events.shift(); event !== undefined; event = events.shift()) event()
    if (failure !== undefined) throw failure.error
  }

  return {
    write: (chunk) => guarded(() => read(chunk)),
    end: () =>
      guarded(() => {
        if (!ended) builder.end()
      }),
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function decode(decoder: InstanceType<typeof TextDecoder>, slice: Uint8Array): string {
  try {
    return decoder.decode(slice, { stream: true })
  } catch (cause) {
    throw badXml("not valid UTF-8", cause)
  }
}
