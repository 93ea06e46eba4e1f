import type { XmlElement } from "@aurochs/core"
import { badXml, beyond, completeLimits, type XmlLimits } from "./limits.ts"
import { parseXml, textOf } from "./parse.ts"
import { readPlain } from "./plain.ts"

/**
 * Reads the children of an element one by one, e.g. the stanzas of a stream, each as strictly as `parseXml` does:
 * inside of the start tag, which declares their namespaces (RFC 6120 §4.8).
 *
 * @param start bytes of the parent's start tag alone, without an XML declaration before it
 * @param end bytes of its end tag
 * @param limits for each child; {@link defaultXmlLimits} for the rest
 * @returns reads the bytes of exactly one element; throws `BAD_DATA` (`xml`, with `limit` if a bound was exceeded)
 * @throws {AurochsError} `BAD_DATA` (`xml`) for a parent that is none, `CONFIGURATION` for a bound that bounds nothing
 */
export function childReader(
  start: Uint8Array,
  end: Uint8Array,
  limits: Partial<XmlLimits> = {},
): (child: Uint8Array) => XmlElement {
  const bounds = completeLimits(limits)
  const room = start.length + end.length
  const outer = {
    ...bounds,
    maxBytes: bounds.maxBytes + room,
    maxDepth: Math.min(bounds.maxDepth + 1, 1_000),
    maxElements: bounds.maxElements + 1,
  }
  const strictly = (child: Uint8Array, within: Partial<XmlLimits>): XmlElement => {
    const whole = new Uint8Array(room + child.length)
    whole.set(start)
    whole.set(child, start.length)
    whole.set(end, start.length + child.length)
    return onlyChild(parseXml(whole, within))
  }
  // What a child without a namespace of its own has.
  const { namespace } = strictly(EMPTY, {})
  return (child) => {
    if (child.length > bounds.maxBytes) throw beyond("maxBytes", bounds.maxBytes)
    return readPlain(textOf(child), bounds, namespace) ?? strictly(child, outer)
  }
}

const EMPTY = new TextEncoder().encode("<a/>")

function onlyChild(parent: XmlElement): XmlElement {
  const [child, ...more] = parent.children
  if (child === undefined || typeof child === "string" || more.length > 0) throw badXml("not one element")
  return child
}
