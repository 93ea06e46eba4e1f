/**
 * An XML element as plain data. `namespace` is always explicit, prefixes are gone; `attributes` holds the attributes
 * without a namespace by name, and `xml:lang` and its kind with this prefix. XMPP knows no others.
 */
export interface XmlElement {
  /** Local name. */
  readonly name: string
  /** Namespace name; the empty string means none. */
  readonly namespace: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly (XmlElement | string)[]
}

/**
 * Makes an element.
 *
 * @param name local name
 * @param namespace namespace name
 * @param attributes undefined values are left out
 * @param children elements and text
 */
export function element(
  name: string,
  namespace: string,
  attributes: Readonly<Record<string, string | undefined>> = {},
  children: readonly (XmlElement | string)[] = [],
): XmlElement {
  const kept: Record<string, string> = {}
  for (const key in attributes) {
    const value = attributes[key]
    if (value === undefined || !Object.hasOwn(attributes, key)) continue
    // Set, it would be the object's prototype: an attribute of this name is one like any other.
    if (key === "__proto__")
      Object.defineProperty(kept, key, { value, enumerable: true, writable: true, configurable: true })
    else kept[key] = value
  }
  return { name, namespace, attributes: kept, children }
}

/** The child elements with this name and namespace; either may be left out. */
export function childElements(parent: XmlElement, name?: string, namespace?: string): XmlElement[] {
  const found: XmlElement[] = []
  for (const child of parent.children) {
    if (typeof child !== "string" && isNamed(child, name, namespace)) found.push(child)
  }
  return found
}

/** The first child element with this name and namespace, if there is one. */
export function childElement(parent: XmlElement, name: string, namespace: string): XmlElement | undefined {
  for (const child of parent.children) {
    if (typeof child !== "string" && isNamed(child, name, namespace)) return child
  }
  return undefined
}

function isNamed(element: XmlElement, name: string | undefined, namespace: string | undefined): boolean {
  return (name === undefined || element.name === name) && (namespace === undefined || element.namespace === namespace)
}

/** The text directly inside an element, child elements left out. */
export function textOf(parent: XmlElement): string {
  let text = ""
  for (const child of parent.children) if (typeof child === "string") text += child
  return text
}
