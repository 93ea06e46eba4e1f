import { AurochsError } from "@aurochs/core"

/** Bounds on XML that is read or written, each checked before more work is done. */
export interface XmlLimits {
  /** Bytes in UTF-8: of the whole text, or of one stanza of a stream. */
  readonly maxBytes: number
  /** Nesting, the root (in a stream: the stanza) counted as one; at most 1,000, since the parser's cost grows with it. */
  readonly maxDepth: number
  /** Elements in all: of the whole text, or of one stanza of a stream. */
  readonly maxElements: number
  /** Attributes of one element, namespace declarations included. */
  readonly maxAttributes: number
  /** Children of one element, runs of text included. */
  readonly maxChildren: number
}

/** The bounds where a caller gives none. */
export const defaultXmlLimits: XmlLimits = {
  maxBytes: 1_048_576,
  maxDepth: 64,
  maxElements: 20_000,
  maxAttributes: 64,
  maxChildren: 10_000,
}

/**
 * UTF-16 units of a namespace name. Written out, a name is repeated on every element that needs it, while a prefix says
 * it in one character: without this bound a small text would grow a thousandfold.
 */
export const MAX_NAMESPACE_LENGTH = 512

/**
 * The given bounds, the defaults for the rest.
 *
 * @throws {AurochsError} `CONFIGURATION` for a bound that is no positive whole number: it would bound nothing
 */
export function completeLimits(limits: Partial<XmlLimits>): XmlLimits {
  const bound = (field: keyof XmlLimits, most = Number.MAX_SAFE_INTEGER): number => {
    const value = limits[field] ?? defaultXmlLimits[field]
    if (Number.isInteger(value) && value >= 1 && value <= most) return value
    throw new AurochsError("CONFIGURATION", `${field} is not a whole number from 1 to ${most}`, { field })
  }
  return {
    maxBytes: bound("maxBytes"),
    maxDepth: bound("maxDepth", 1_000),
    maxElements: bound("maxElements"),
    maxAttributes: bound("maxAttributes"),
    maxChildren: bound("maxChildren"),
  }
}

/** The error for a bound that was exceeded. */
export function beyond(limit: keyof XmlLimits | "namespace", value: number): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `the XML exceeds ${limit} (${value})`, { what: "xml", limit })
}

/** The error for XML that is not what it has to be. `why` never quotes content. */
export function badXml(why: string, cause?: unknown): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `bad XML: ${why}`, { what: "xml" }, cause === undefined ? undefined : { cause })
}
