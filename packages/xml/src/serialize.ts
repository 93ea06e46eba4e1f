import type { XmlElement } from "@aurochs/core"
import { checkName, checkNamespace, escapeText, quote, utf8Length } from "./characters.ts"
import { badXml, beyond, completeLimits, MAX_NAMESPACE_LENGTH, type XmlLimits } from "./limits.ts"

/**
 * Writes an element as XML without prolog; `xmlns` stands where the namespace changes. Whatever is written,
 * `parseXml` reads under the same bounds, and gives the same element again (but for text split in several children).
 * Whatever `parseXml` read can be written under the same bounds.
 *
 * @param limits any of the bounds; {@link defaultXmlLimits} for the rest
 * @throws {AurochsError} `BAD_DATA` (`xml`) for what XML cannot carry: control characters, half surrogate pairs,
 *   malformed names; with `limit` if a bound is exceeded. `CONFIGURATION` for a bound that bounds nothing
 */
export function serializeXml(element: XmlElement, limits: Partial<XmlLimits> = {}): string {
  const bounds = completeLimits(limits)
  let elements = 0
  let units = 0
  let bytes = 0
  let uncounted = ""

  // Every piece is counted as it is made, so that a bound stops the work. A UTF-16 unit takes at most three bytes: the
  // bytes themselves are counted only where that does not settle it.
  function counted(piece: string): string {
    units += piece.length
    uncounted += piece
    if (3 * units <= bounds.maxBytes) return piece
    bytes += utf8Length(uncounted)
    uncounted = ""
    if (bytes > bounds.maxBytes) throw beyond("maxBytes", bounds.maxBytes)
    return piece
  }

  function write(node: XmlElement, outerNamespace: string, depth: number): string {
    if (depth > bounds.maxDepth) throw beyond("maxDepth", bounds.maxDepth)
    if (++elements > bounds.maxElements) throw beyond("maxElements", bounds.maxElements)
    checkName(node.name)
    const attributes = attributesOf(node, outerNamespace)
    if (attributes.length > bounds.maxAttributes) throw beyond("maxAttributes", bounds.maxAttributes)
    const children = joinText(node.children)
    if (children.length > bounds.maxChildren) throw beyond("maxChildren", bounds.maxChildren)
    let start = `<${node.name}`
    for (const [name, value] of attributes) start += ` ${name}=${quote(value)}`
    if (children.length === 0) return counted(`${start}/>`)
    let text = counted(`${start}>`)
    for (const child of children)
      text += typeof child === "string" ? counted(escapeText(child)) : write(child, node.namespace, depth + 1)
    return text + counted(`</${node.name}>`)
  }
  return write(element, "", 1)
}

/** With the namespace declaration in front, if one is needed. */
function attributesOf({ namespace, attributes }: XmlElement, outerNamespace: string): [string, string][] {
  const entries = Object.entries(attributes)
  for (const [key] of entries) {
    if (key === "xmlns") throw badXml("an attribute named xmlns")
    checkName(key.startsWith("xml:") ? key.slice("xml:".length) : key)
  }
  if (namespace === outerNamespace) return entries
  checkNamespace(namespace)
  if (namespace.length > MAX_NAMESPACE_LENGTH) throw beyond("namespace", MAX_NAMESPACE_LENGTH)
  return [["xmlns", namespace], ...entries]
}

/** As a parser gives it back: no empty text, no text next to text. */
function joinText(children: XmlElement["children"]): (XmlElement | string)[] {
  const joined: (XmlElement | string)[] = []
  for (const child of children) {
    const last = joined.at(-1)
    if (typeof child === "string" && typeof last === "string") joined[joined.length - 1] = last + child
    else if (child !== "") joined.push(child)
  }
  return joined
}
