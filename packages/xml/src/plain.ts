import type { XmlElement } from "@aurochs/core"
import { MAX_NAMESPACE_LENGTH, type XmlLimits } from "./limits.ts"

// Nearly everything that clients write is plain: elements, attributes without prefixes, text, the five entities. This
// reads only that, many times faster than the strict parser, and leaves everything else to it: whatever is unusual, and
// whatever is wrong or exceeds a bound, so that there is one place that says what is refused and why.

/** An element that is not closed yet. */
interface Open {
  readonly name: string
  readonly namespace: string
  readonly attributes: Record<string, string>
  readonly children: (XmlElement | string)[]
}

/** Control characters, and a carriage return, which XML reads as a line feed. */
const NOT_PLAIN = /[^\t\n\x20-\ufffd]/
/** In an attribute's value: references, and white space that XML reads as a space. */
const NOT_PLAIN_VALUE = /[<&\t\n]/
const RESERVED: ReadonlySet<string> = new Set(["http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"])
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", apos: "'", quot: '"' }

const SPACE = 0x20
const QUOTE = 0x22
const APOSTROPHE = 0x27
const SLASH = 0x2f
const LESS = 0x3c
const EQUALS = 0x3d
const GREATER = 0x3e

/** By ASCII code: 2 may begin a name, 1 may stand in one. */
const IN_NAME = new Uint8Array(128)
for (const letter of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") IN_NAME[letter.charCodeAt(0)] = 2
for (const other of "0123456789.-") IN_NAME[other.charCodeAt(0)] = 1

/**
 * Reads one element if all of it is plain and within the bounds.
 *
 * @param text without half surrogate pairs, its size already bounded
 * @param outerNamespace the default namespace around it
 * @returns what the strict parser gives, or undefined: then that one has to look
 */
export function readPlain(text: string, limits: XmlLimits, outerNamespace = ""): XmlElement | undefined {
  if (NOT_PLAIN.test(text) || text.includes("]]>")) return undefined
  const stack: Open[] = []
  let elements = 0
  for (let at = 0; text.charCodeAt(at) === LESS; ) {
    const parent = stack.at(-1)
    let closed: Open | undefined
    if (text.charCodeAt(at + 1) === SLASH) {
      at = endTag(text, at + 2, parent?.name)
      closed = stack.pop()
    } else {
      if (++elements > limits.maxElements || stack.length >= limits.maxDepth) return undefined
      const tag = startTag(text, at + 1, parent?.namespace ?? outerNamespace, limits)
      if (tag === undefined || (parent !== undefined && !append(parent, tag.element, limits))) return undefined
      at = tag.end
      if (tag.empty) closed = tag.element
      else stack.push(tag.element)
    }
    if (at === -1) return undefined
    const inside = stack.at(-1)
    // The root is complete: nothing may follow, not even white space.
    if (inside === undefined) return at === text.length ? closed : undefined
    const next = text.indexOf("<", at)
    if (next === -1) return undefined
    if (next > at) {
      const value = plainText(text.slice(at, next))
      if (value === undefined || !append(inside, value, limits)) return undefined
    }
    at = next
  }
  return undefined
}

function append(parent: Open, child: XmlElement | string, limits: XmlLimits): boolean {
  return parent.children.push(child) <= limits.maxChildren
}

/** @returns where the tag ends, or -1 */
function endTag(text: string, at: number, name: string | undefined): number {
  if (name === undefined || !text.startsWith(name, at)) return -1
  const end = skipSpace(text, at + name.length)
  return text.charCodeAt(end) === GREATER ? end + 1 : -1
}

interface StartTag {
  readonly element: Open
  readonly empty: boolean
  readonly end: number
}

function startTag(text: string, start: number, outerNamespace: string, limits: XmlLimits): StartTag | undefined {
  let at = nameEnd(text, start)
  const name = text.slice(start, at)
  const attributes: Record<string, string> = {}
  let namespace = outerNamespace
  let declared = false
  if (name === "") return undefined
  for (let count = 0; ; count++) {
    const next = skipSpace(text, at)
    const code = text.charCodeAt(next)
    if (code === GREATER || code === SLASH) {
      const empty = code === SLASH
      if (empty && text.charCodeAt(next + 1) !== GREATER) return undefined
      return { element: { name, namespace, attributes, children: [] }, empty, end: next + (empty ? 2 : 1) }
    }
    // An attribute stands behind white space.
    const read = next === at || count >= limits.maxAttributes ? undefined : attribute(text, next)
    if (read === undefined) return undefined
    if (read.name === "xmlns") {
      if (declared || !isPlainNamespace(read.value)) return undefined
      declared = true
      namespace = read.value
    } else {
      if (Object.hasOwn(attributes, read.name)) return undefined
      attributes[read.name] = read.value
    }
    at = read.end
  }
}

function attribute(text: string, start: number): { name: string; value: string; end: number } | undefined {
  const colon = text.startsWith("xml:lang", start)
  const afterName = colon ? start + "xml:lang".length : nameEnd(text, start)
  const name = text.slice(start, afterName)
  const equals = skipSpace(text, afterName)
  const opening = skipSpace(text, equals + 1)
  const mark = text.charCodeAt(opening)
  // Setting `__proto__` would not make an attribute of that name.
  if (name === "" || name === "__proto__" || text.charCodeAt(equals) !== EQUALS) return undefined
  if (mark !== QUOTE && mark !== APOSTROPHE) return undefined
  const closing = text.indexOf(mark === QUOTE ? '"' : "'", opening + 1)
  if (closing === -1) return undefined
  const value = text.slice(opening + 1, closing)
  return NOT_PLAIN_VALUE.test(value) ? undefined : { name, value, end: closing + 1 }
}

function isPlainNamespace(value: string): boolean {
  return value !== "" && value.length <= MAX_NAMESPACE_LENGTH && value === value.trim() && !RESERVED.has(value)
}

function plainText(text: string): string | undefined {
  if (!text.includes("&")) return text
  let isPlain = true
  const decoded = text.replace(/&([a-z]{2,4};)?/g, (_, name: string | undefined) => {
    const character = name === undefined ? undefined : ENTITIES[name.slice(0, -1)]
    if (character === undefined) isPlain = false
    return character ?? ""
  })
  return isPlain ? decoded : undefined
}

/** Behind the ASCII name that begins here; the same place if there is none. */
function nameEnd(text: string, start: number): number {
  if (IN_NAME[text.charCodeAt(start)] !== 2) return start
  let at = start + 1
  while ((IN_NAME[text.charCodeAt(at)] ?? 0) > 0) at++
  return at
}

function skipSpace(text: string, start: number): number {
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== SPACE && code !== 0x0a && code !== 0x09) return at
    at++
  }
}
