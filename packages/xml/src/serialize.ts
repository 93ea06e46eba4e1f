import type { XmlElement } from "@aurochs/core"
import { badXml } from "./limits.ts"

const NCNAME = /^[\p{L}_][\p{L}\p{N}\p{M}_.\-·]*$/u
/** Everything XML 1.0 §2.2 does not allow; half surrogate pairs, too. */
const NOT_A_CHARACTER = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u
/** Deeper trees are refused rather than overflow the stack. */
const MAX_DEPTH = 512

/**
 * Writes an element as XML without prolog; `xmlns` stands where the namespace changes. Reading it gives the same
 * element again.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) for what XML cannot carry: control characters, malformed names, half
 *   surrogate pairs, more than 512 levels
 */
export function serializeXml(element: XmlElement): string {
  return write(element, "", 1)
}

function write(element: XmlElement, outerNamespace: string, depth: number): string {
  if (depth > MAX_DEPTH) throw badXml("nested too deeply")
  const { name, namespace, attributes, children } = element
  if (!NCNAME.test(name)) throw badXml("a malformed element name")
  let text = `<${name}`
  if (namespace !== outerNamespace) text += ` xmlns='${attributeText(namespace)}'`
  let prefixes = 0
  for (const [key, value] of Object.entries(attributes)) {
    const { declaration, written } = attributeName(key, () => `ns${++prefixes}`)
    text += `${declaration} ${written}='${attributeText(value)}'`
  }
  if (children.length === 0) return `${text}/>`
  text += ">"
  for (const child of children)
    text += typeof child === "string" ? plainText(child) : write(child, namespace, depth + 1)
  return `${text}</${name}>`
}

/** `name`, `xml:lang`, or `{namespace}name`, for which a prefix is declared. */
function attributeName(key: string, prefix: () => string): { declaration: string; written: string } {
  const qualified = /^\{([^{}]+)\}(.+)$/.exec(key)
  if (qualified) {
    const [, namespace = "", local = ""] = qualified
    if (!NCNAME.test(local)) throw badXml("a malformed attribute name")
    const bound = prefix()
    return { declaration: ` xmlns:${bound}='${attributeText(namespace)}'`, written: `${bound}:${local}` }
  }
  const local = key.startsWith("xml:") ? key.slice("xml:".length) : key
  if (!NCNAME.test(local) || key === "xmlns") throw badXml("a malformed attribute name")
  return { declaration: "", written: key }
}

function plainText(text: string): string {
  if (NOT_A_CHARACTER.test(text)) throw badXml("a character that XML cannot carry")
  return text.replace(/[&<>\r]/g, escaped)
}

function attributeText(text: string): string {
  if (NOT_A_CHARACTER.test(text)) throw badXml("a character that XML cannot carry")
  return text.replace(/[&<>'"\t\n\r]/g, escaped)
}

function escaped(character: string): string {
  switch (character) {
    case "&":
      return "&amp;"
    case "<":
      return "&lt;"
    case ">":
      return "&gt;"
    case "'":
      return "&apos;"
    case '"':
      return "&quot;"
    default:
      return `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`
  }
}
