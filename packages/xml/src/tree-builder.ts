import { AurochsError, type XmlElement } from "@aurochs/core"
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from "saxes"
import { checkName, checkNamespace, isWhiteSpace, quote, utf8Length } from "./characters.ts"
import { badXml, beyond, MAX_NAMESPACE_LENGTH, type XmlLimits } from "./limits.ts"

/** What a tree builder tells its owner. In a stream the root is not kept: it has no end to wait for. */
export interface BuilderHandlers {
  /** The start tag of a stream's root. `position`: UTF-16 units read so far. */
  readonly opened: (element: XmlElement, position: number) => void
  /**
   * The root, or in a stream a child of it, is complete with everything in it.
   *
   * `growth`: bytes by which it grows when it is written, because prefixes become `xmlns` and CDATA becomes escaped
   * text. With it counted, whatever was read can be written and read again within the same bounds.
   */
  readonly closed: (element: XmlElement, position: number, growth: number) => void
  /** The end tag of a stream's root. */
  readonly ended: () => void
}

/** Feeds text to the strict parser and builds elements, within bounds. */
export interface TreeBuilder {
  /** @throws {AurochsError} `BAD_DATA` (`xml`) */
  write(text: string): void
  /** @throws {AurochsError} `BAD_DATA` if the root is not closed */
  end(): void
}

/** How strict, and where the trees are. */
export interface BuilderOptions {
  /** 0: the root is the tree. 1: each child of the root is one, as in a stream. */
  readonly treeDepth: 0 | 1
  readonly comments: "dropped" | "refused"
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
export function treeBuilder(handlers: BuilderHandlers, limits: XmlLimits, options: BuilderOptions): TreeBuilder {
  // Without forceXMLVersion, "1.1" would allow control characters.
  const parser = new SaxesParser({ xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: "1.0" })
  const { treeDepth } = options
  const tree: Open[] = []
  let rootOpen = false
  let ended = false
  let elements = 0
  let attributes = 0
  let growth = 0
  /** saxes tells of an end tag before it looks whether the name is right: what it tells is held back until then. */
  let heldBack: { readonly position: number; readonly tell: () => void } | undefined

  function tellHeldBack(): void {
    const held = heldBack
    heldBack = undefined
    held?.tell()
  }

  parser.on("error", (error) => {
    if (heldBack !== undefined && parser.position > heldBack.position) tellHeldBack()
    throw badXml(whyOf(error))
  })
  parser.on("xmldecl", ({ version, encoding }) => {
    if (version !== "1.0" || (encoding !== undefined && !/^utf-?8$/i.test(encoding)))
      throw badXml("only XML 1.0 in UTF-8 is read")
  })
  parser.on("doctype", () => {
    tellHeldBack()
    throw badXml("a document type declaration")
  })
  parser.on("processinginstruction", () => {
    tellHeldBack()
    throw badXml("a processing instruction")
  })
  parser.on("comment", () => {
    tellHeldBack()
    if (options.comments === "refused") throw badXml("a comment")
  })
  parser.on("opentagstart", () => {
    tellHeldBack()
    // Before the attributes are read: the parser's own cost grows with depth.
    if (ended) throw badXml("more than one root")
    if (tree.length >= limits.maxDepth) throw beyond("maxDepth", limits.maxDepth)
    if (tree.length === 0) elements = 0
    if (++elements > limits.maxElements) throw beyond("maxElements", limits.maxElements)
    attributes = 0
  })
  parser.on("attribute", ({ name, value }) => {
    if (++attributes > limits.maxAttributes) throw beyond("maxAttributes", limits.maxAttributes)
    if (name !== "xmlns" && !name.startsWith("xmlns:")) return
    if (value.length > MAX_NAMESPACE_LENGTH) throw beyond("namespace", MAX_NAMESPACE_LENGTH)
    // saxes trims it; another program would not, and see another namespace.
    if (value !== value.trim()) throw badXml("a namespace name with white space around it")
  })
  parser.on("opentag", (tag) => {
    const opened = openedOf(tag)
    if (treeDepth === 1 && !rootOpen) {
      rootOpen = true
      handlers.opened(opened, parser.position)
      return
    }
    const outer = tree.at(-1)?.namespace ?? ""
    if (opened.namespace !== outer && (tag.prefix !== "" || tag.ns[""] === undefined)) {
      grow(" xmlns=".length + utf8Length(quote(opened.namespace)))
      if (Object.keys(opened.attributes).length >= limits.maxAttributes)
        throw beyond("maxAttributes", limits.maxAttributes)
    }
    tree.push(opened)
  })
  parser.on("closetag", () => {
    tellHeldBack()
    const { position } = parser
    const closed = tree.pop()
    const parent = tree.at(-1)
    if (closed !== undefined && parent !== undefined) return append(parent, closed)
    if (closed === undefined) {
      heldBack = { position, tell: handlers.ended }
    } else {
      const grown = growth
      heldBack = { position, tell: () => handlers.closed(closed, position, grown) }
    }
    growth = 0
    ended = closed === undefined || treeDepth === 0
  })
  parser.on("text", (value) => text(value))
  parser.on("cdata", (value) => {
    text(value)
    grow(4 * (value.match(/[&<]/g)?.length ?? 0))
  })

  function grow(bytes: number): void {
    growth += bytes
    if (growth > limits.maxBytes) throw beyond("maxBytes", limits.maxBytes)
  }

  function text(value: string): void {
    tellHeldBack()
    const parent = tree.at(-1)
    if (parent !== undefined) append(parent, value)
    else if (!isWhiteSpace(value)) throw badXml("text outside of an element")
  }

  function append(parent: Open, child: XmlElement | string): void {
    if (child === "") return
    const last = parent.children.at(-1)
    if (typeof child === "string" && typeof last === "string") {
      parent.children[parent.children.length - 1] = last + child
      return
    }
    if (parent.children.length >= limits.maxChildren) throw beyond("maxChildren", limits.maxChildren)
    parent.children.push(child)
  }

  function guarded(work: () => unknown): void {
    try {
      work()
    } catch (error) {
      throw error instanceof AurochsError ? error : badXml("not well-formed")
    }
  }

  return {
    write: (chunk) =>
      guarded(() => {
        parser.write(chunk)
        tellHeldBack()
      }),
    end: () => guarded(() => parser.close()),
  }
}

/** Namespace declarations go, `xml:lang` keeps its prefix, attributes of any other namespace are dropped. */
function openedOf(tag: SaxesTagNS): Open {
  checkName(tag.local)
  checkNamespace(tag.uri)
  // fromEntries defines properties: an attribute called __proto__ is one like any other.
  const attributes = Object.fromEntries(Object.values(tag.attributes).flatMap(entryOf))
  return { name: tag.local, namespace: tag.uri, attributes, children: [] }
}

function entryOf({ local, prefix, uri, value }: SaxesAttributeNS): [string, string][] {
  if (uri === XMLNS_NAMESPACE) {
    if (prefix !== "") checkName(local)
    return []
  }
  checkName(local)
  if (uri === XML_NAMESPACE) return [[`xml:${local}`, value]]
  return uri === "" ? [[local, value]] : []
}

/** The parser's words up to where they would quote the input. */
function whyOf(error: Error): string {
  const [words = ""] = error.message.split(":")
  return words.trim().replace(/\.$/, "") || "not well-formed"
}
