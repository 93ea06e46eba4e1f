import { AurochsError } from "@aurochs/core"

/** Bounds on XML that is read, each checked before more work is done. */
export interface XmlLimits {
  /** Bytes in UTF-8: of the whole text, or of one stanza of a stream. */
  readonly maxBytes: number
  /** Nesting, the root counted as one. */
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

/** The error for a bound that was exceeded. */
export function beyond(limit: keyof XmlLimits, value: number): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `the XML exceeds ${limit} (${value})`, { what: "xml", limit })
}

/** The error for XML that is not what it has to be. `why` never quotes content. */
export function badXml(why: string, cause?: unknown): AurochsError<"BAD_DATA"> {
  return new AurochsError("BAD_DATA", `bad XML: ${why}`, { what: "xml" }, cause === undefined ? undefined : { cause })
}
