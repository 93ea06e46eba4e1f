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
  const kept = Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined)
  // fromEntries defines properties: an attribute called __proto__ is one like any other.
  return { name, namespace, attributes: Object.fromEntries(kept), children }
}

/** The child elements with this name and namespace; either may be left out. */
export function childElements(parent: XmlElement, name?: string, namespace?: string): XmlElement[] {
  return parent.children.filter(
    (child): child is XmlElement =>
      typeof child !== "string" &&
      (name === undefined || child.name === name) &&
      (namespace === undefined || child.namespace === namespace),
  )
}

/** The first child element with this name and namespace, if there is one. */
export function childElement(parent: XmlElement, name: string, namespace: string): XmlElement | undefined {
  return childElements(parent, name, namespace)[0]
}

/** The text directly inside an element, child elements left out. */
export function textOf(parent: XmlElement): string {
  return parent.children.filter((child): child is string => typeof child === "string").join("")
}
