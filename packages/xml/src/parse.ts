import type { XmlElement } from "@aurochs/core"
import { utf8Length } from "./characters.ts"
import { badXml, beyond, completeLimits, type XmlLimits } from "./limits.ts"
import { readPlain } from "./plain.ts"
import { treeBuilder } from "./tree-builder.ts"

/**
 * Reads one XML element, strictly: well-formed, namespaces bound, exactly one root with nothing but white space and
 * comments around it. An XML declaration may stand at the very start (some clients send one inside `<openpgp/>`).
 * Refused: a document type, processing instructions, entities other than the five, duplicate attributes, characters
 * that XML does not have (RFC 6120 §11). Comments are dropped, and so are attributes of a foreign namespace.
 *
 * @param input text, or bytes in strict UTF-8
 * @param limits any of the bounds; {@link defaultXmlLimits} for the rest
 * @throws {AurochsError} `BAD_DATA` (`what: "xml"`, with `limit` if a bound was exceeded), `CONFIGURATION` for a bound
 *   that bounds nothing
 */
export function parseXml(input: string | Uint8Array, limits: Partial<XmlLimits> = {}): XmlElement {
  const bounds = completeLimits(limits)
  // A UTF-16 unit takes at least one byte: the cheap check comes first.
  if (input.length > bounds.maxBytes) throw beyond("maxBytes", bounds.maxBytes)
  const bytes = typeof input === "string" ? utf8Length(input) : input.length
  if (bytes > bounds.maxBytes) throw beyond("maxBytes", bounds.maxBytes)
  const text = textOf(input)
  return readPlain(text, bounds) ?? readStrictly(text, bytes, bounds)
}

/**
 * The strict parser, for everything that may be read and with a reason for everything that may not.
 *
 * @param text without half surrogate pairs
 * @param bytes its length in UTF-8, within the bounds
 */
export function readStrictly(text: string, bytes: number, bounds: XmlLimits): XmlElement {
  let root: XmlElement | undefined
  const builder = treeBuilder(
    {
      opened: () => {},
      closed: (element, _position, growth) => {
        if (bytes + growth > bounds.maxBytes) throw beyond("maxBytes", bounds.maxBytes)
        root = element
      },
      ended: () => {},
    },
    bounds,
    { treeDepth: 0, comments: "dropped" },
  )
  builder.write(text)
  builder.end()
  if (root === undefined) throw badXml("no element")
  return root
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * Strict UTF-8, or text without half surrogate pairs.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
export function textOf(input: string | Uint8Array): string {
  // saxes takes a lone high surrogate and the character behind it, a `<` even, for one.
  if (typeof input === "string" && !input.isWellFormed()) throw badXml("half a surrogate pair")
  if (typeof input === "string") return input
  try {
    return utf8.decode(input)
  } catch (cause) {
    throw badXml("not valid UTF-8", cause)
  }
}
