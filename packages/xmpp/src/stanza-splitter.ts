import { AurochsError } from "@aurochs/core"

/** What a stream is cut into. */
export interface SplitterHandlers {
  /** Everything up to the end of the stream's start tag. */
  header(bytes: Uint8Array): void
  /** One child of the stream. @param name of its start tag, as written */
  stanza(bytes: Uint8Array, name: string): void
  /** One that is longer than `maxBytes`. */
  skipped(name: string): void
  /** The end tag of the stream. */
  end(): void
}

/** Where the scanner is. */
type State = "text" | "tag-start" | "start-tag" | "end-tag" | "declaration" | "cdata-start" | "cdata"

const LESS = 0x3c
const GREATER = 0x3e
const SLASH = 0x2f
const QUESTION = 0x3f
const BANG = 0x21
const QUOTES = [0x22, 0x27]
const CDATA_START = new TextEncoder().encode("[CDATA[")
const MAX_HEADER_BYTES = 16_384
const MAX_NAME_BYTES = 64

/**
 * Cuts the bytes of an XMPP stream into its children, by counting tags. It judges nothing: whatever it cuts out is read
 * by a strict parser afterwards, which notices a cut in the wrong place. It keeps at most one unfinished child, of at
 * most `maxBytes`, and needs neither a stack nor a tree.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) from the returned function: the stream must be given up
 */
export function stanzaSplitter(
  handlers: SplitterHandlers,
  limits: { readonly maxBytes: number; readonly maxSkippedBytes: number },
): (chunk: Uint8Array) => void {
  let state: State = "text"
  let quote = 0
  let previous = 0
  let matched = 0
  let hasHeader = false
  let hasEnded = false
  let depth = 0
  /** The unfinished child, or the header. */
  let parts: Uint8Array[] = []
  let length = 0
  let name: number[] = []
  let inName = false

  const begin = () => {
    parts = []
    length = 0
    name = []
    inName = true
  }
  const add = (bytes: Uint8Array) => {
    length += bytes.length
    if (!hasHeader && length > MAX_HEADER_BYTES) throw bad("a stream header without end", "maxBytes")
    if (length > limits.maxSkippedBytes) throw bad("a stanza without end", "maxBytes")
    if (length <= limits.maxBytes || !hasHeader) parts.push(new Uint8Array(bytes))
    else parts = []
  }
  const finish = () => {
    const written = String.fromCharCode(...name)
    if (!hasHeader) {
      hasHeader = true
      handlers.header(Buffer.concat(parts))
    } else if (length > limits.maxBytes) handlers.skipped(written)
    else handlers.stanza(Buffer.concat(parts), written)
    begin()
  }

  /** One byte; true if a child, the header or the stream ends with it. */
  const endsWith = (byte: number): boolean => {
    switch (state) {
      case "text":
        if (byte === LESS) state = "tag-start"
        else if (depth === 0 && !isSpace(byte)) throw bad("text between stanzas")
        return false
      case "tag-start":
        if (byte === SLASH) state = "end-tag"
        else if (byte === QUESTION && !hasHeader) state = "declaration"
        else if (byte === BANG && depth > 0) {
          state = "cdata-start"
          matched = 0
        } else if (byte === QUESTION || byte === BANG || byte === GREATER) throw bad("markup that XMPP forbids")
        else {
          state = "start-tag"
          if (depth === 0) name.push(byte)
        }
        return false
      case "start-tag":
        return startTag(byte)
      case "end-tag":
        if (byte === LESS) throw bad("a malformed tag")
        if (byte !== GREATER) return false
        state = "text"
        if (depth === 0) {
          hasEnded = true
          return true
        }
        depth--
        return depth === 0
      case "declaration":
        if (byte === GREATER && previous === QUESTION) state = "text"
        return false
      case "cdata-start":
        if (byte !== CDATA_START[matched]) throw bad("markup that XMPP forbids")
        if (++matched === CDATA_START.length) {
          state = "cdata"
          matched = 0
        }
        return false
      case "cdata":
        if (byte === GREATER && matched >= 2) state = "text"
        matched = byte === 0x5d ? matched + 1 : 0
        return false
    }
  }
  const startTag = (byte: number): boolean => {
    if (quote !== 0) {
      if (byte === quote) quote = 0
      return false
    }
    if (depth === 0 && inName) {
      if (isSpace(byte) || byte === SLASH || byte === GREATER) inName = false
      else if (name.length < MAX_NAME_BYTES) name.push(byte)
    }
    if (byte === LESS) throw bad("a malformed tag")
    if (QUOTES.includes(byte)) quote = byte
    if (byte !== GREATER) return false
    state = "text"
    if (!hasHeader) return true
    if (previous === SLASH) return depth === 0
    depth++
    return false
  }

  begin()
  return (chunk) => {
    let from = 0
    for (let at = 0; at < chunk.length && !hasEnded; at++) {
      if (state === "text" && depth > 0) {
        // Text within a child: nothing before the next tag is of interest.
        const next = chunk.indexOf(LESS, at)
        if (next === -1) break
        at = next
      }
      const byte = chunk[at] as number
      // White space between stanzas (keep-alive) belongs to none.
      if (hasHeader && depth === 0 && state === "text" && isSpace(byte)) {
        from = at + 1
        continue
      }
      const ends = endsWith(byte)
      previous = byte
      if (!ends) continue
      if (hasEnded) handlers.end()
      else {
        add(chunk.subarray(from, at + 1))
        from = at + 1
        finish()
      }
    }
    if (!hasEnded && from < chunk.length) add(chunk.subarray(from))
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function bad(why: string, limit?: string): AurochsError<"BAD_DATA"> {
  const details = limit === undefined ? ({ what: "xml" } as const) : ({ what: "xml", limit } as const)
  return new AurochsError("BAD_DATA", `bad XML: ${why}`, details)
}
