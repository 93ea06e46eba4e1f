import type { XmlElement } from "@aurochs/core"
import { type SaxesAttributeNS, SaxesParser } from "saxes"
import { badXml, beyond, type XmlLimits } from "./limits.ts"

/** What a tree builder tells its owner. */
export interface BuilderHandlers {
  /** A start tag at depth one. */
  readonly rootOpened: (root: XmlElement) => void
  /** A child of the root is complete, with everything in it. Return nothing to forget it: a stream; else it stays. */
  readonly childClosed?: (child: XmlElement) => void
  readonly rootClosed: (root: XmlElement) => void
}

/** Feeds text to the strict parser and builds elements, within bounds. */
export interface TreeBuilder {
  /** @throws {AurochsError} `BAD_DATA` (`xml`) */
  write(text: string): void
  /** @throws {AurochsError} `BAD_DATA` if the root is not closed */
  end(): void
  depth(): number
}

interface Open {
  readonly name: string
  readonly namespace: string
  readonly attributes: Record<string, string>
  readonly children: (XmlElement | string)[]
}

const XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
const XMLNS_NAMESPACE = "http://www.w3.org/2000/xmlns/"

/**
 * saxes with everything refused that XMPP forbids (RFC 6120 §11.1): DTD, processing instructions, entities other than
 * the five, unbound prefixes, duplicate attributes.
 */
export function treeBuilder(handlers: BuilderHandlers, limits: XmlLimits): TreeBuilder {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const stack: Open[] = []
  let elements = 0
  let attributes = 0
  parser.on("error", (error) => {
    throw badXml(
      error.message
        .replace(/^[\d:]+\s*/, "")
        .split(/[:"']/)[0]
        ?.trim() || "not well-formed",
    )
  })
  parser.on("xmldecl", ({ version, encoding }) => {
    if (version !== "1.0" || (encoding !== undefined && !/^utf-?8$/i.test(encoding)))
      throw badXml("only XML 1.0 in UTF-8 is read")
  })
  parser.on("doctype", () => {
    throw badXml("a document type declaration")
  })
  parser.on("processinginstruction", () => {
    throw badXml("a processing instruction")
  })
  parser.on("opentagstart", () => {
    // Checked at the first character of a tag: the parser's own cost grows with depth.
    if (stack.length >= limits.maxDepth) throw beyond("maxDepth", limits.maxDepth)
    if (++elements > limits.maxElements) throw beyond("maxElements", limits.maxElements)
    attributes = 0
  })
  parser.on("attribute", () => {
    if (++attributes > limits.maxAttributes) throw beyond("maxAttributes", limits.maxAttributes)
  })
  parser.on("opentag", (tag) => {
    const attributes = Object.fromEntries(Object.values(tag.attributes).flatMap(attributeEntry))
    const opened: Open = { name: tag.local, namespace: tag.uri, attributes, children: [] }
    stack.push(opened)
    if (stack.length === 1) handlers.rootOpened(opened)
  })
  parser.on("closetag", () => {
    const closed = stack.pop()
    if (closed === undefined) throw badXml("an end tag without a start tag")
    const parent = stack.at(-1)
    if (parent === undefined) handlers.rootClosed(closed)
    else if (stack.length === 1 && handlers.childClosed !== undefined) {
      handlers.childClosed(closed)
      elements = 1
    } else append(parent, closed)
  })
  const text = (value: string) => {
    const parent = stack.at(-1)
    if (parent === undefined || value === "") return
    if (stack.length === 1 && handlers.childClosed !== undefined) {
      if (value.trim() !== "") throw badXml("text between stanzas")
      return
    }
    append(parent, value)
  }
  parser.on("text", text)
  parser.on("cdata", text)

  function append(parent: Open, child: XmlElement | string): void {
    const last = parent.children.at(-1)
    if (typeof child === "string" && typeof last === "string") {
      parent.children[parent.children.length - 1] = last + child
      return
    }
    if (parent.children.length >= limits.maxChildren) throw beyond("maxChildren", limits.maxChildren)
    parent.children.push(child)
  }

  return {
    write: (chunk) => void parser.write(chunk),
    end: () => void parser.close(),
    depth: () => stack.length,
  }
}

/** Namespace declarations go; `xml:lang` keeps its prefix; other namespaced attributes become `{namespace}name`. */
function attributeEntry({ local, uri, value }: SaxesAttributeNS): [string, string][] {
  if (uri === XMLNS_NAMESPACE) return []
  if (uri === XML_NAMESPACE) return [[`xml:${local}`, value]]
  return [[uri === "" ? local : `{${uri}}${local}`, value]]
}
