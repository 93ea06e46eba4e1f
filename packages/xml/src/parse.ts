import type { XmlElement } from "@aurochs/core"
import { badXml, beyond, defaultXmlLimits, type XmlLimits } from "./limits.ts"
import { treeBuilder } from "./tree-builder.ts"

const encoder = new TextEncoder()

/**
 * Reads one XML element, strictly: well-formed, namespaces bound, exactly one root with nothing but white space and
 * comments around it. An XML declaration may stand before it (some clients send one inside `<openpgp/>`). Refused: a
 * document type, processing instructions, entities other than the five, duplicate attributes, characters that XML does
 * not have (RFC 6120 §11).
 *
 * @param input text, or bytes in strict UTF-8
 * @param limits any of the bounds; {@link defaultXmlLimits} for the rest
 * @throws {AurochsError} `BAD_DATA` (`what: "xml"`, with `limit` if a bound was exceeded)
 */
export function parseXml(input: string | Uint8Array, limits: Partial<XmlLimits> = {}): XmlElement {
  const bounds = { ...defaultXmlLimits, ...limits }
  // A UTF-16 unit takes at least one byte: the cheap check comes first.
  if (input.length > bounds.maxBytes) throw beyond("maxBytes", bounds.maxBytes)
  if (typeof input === "string" && encoder.encode(input).length > bounds.maxBytes)
    throw beyond("maxBytes", bounds.maxBytes)
  let root: XmlElement | undefined
  const builder = treeBuilder(
    {
      rootOpened: () => {
        if (root !== undefined) throw badXml("more than one root")
      },
      rootClosed: (element) => {
        root = element
      },
    },
    bounds,
  )
  builder.write(typeof input === "string" ? input : decodeUtf8(input))
  builder.end()
  if (root === undefined) throw badXml("no element")
  return root
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch (cause) {
    throw badXml("not valid UTF-8", cause)
  }
}
