import { childElements, type XmlElement } from "@aurochs/core"
import { badXml } from "./limits.ts"

/** Both ways between an element and what it means. */
export interface Codec<T> {
  readonly name: string
  readonly namespace: string
  write(value: T): XmlElement
  /** @throws {AurochsError} `BAD_DATA` (`xml`) */
  read(element: XmlElement): T
}

/** Refuses an element that is not the expected one. */
export function expectElement(element: XmlElement, name: string, namespace: string): void {
  if (element.name !== name || element.namespace !== namespace) throw badXml(`<${name}/> is expected`)
}

/** The one child with this name; none or several are an error. */
export function onlyChild(parent: XmlElement, name: string, namespace: string): XmlElement {
  const [child, ...more] = childElements(parent, name, namespace)
  if (child === undefined || more.length > 0) throw badXml(`exactly one <${name}/> is needed`)
  return child
}

/** A non-negative whole number, or undefined. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined
}
