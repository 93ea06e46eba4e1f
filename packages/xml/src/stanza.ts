// RFC 6120 §8, stanzas and their errors. https://www.rfc-editor.org/rfc/rfc6120#section-8
import { type AurochsErrorDetails, childElement, childElements, element, textOf, type XmlElement } from "@aurochs/core"
import { namespaces } from "./namespaces.ts"

type ErrorType = AurochsErrorDetails["STANZA_ERROR"]["type"]

/** The `<error/>` of a stanza. */
export interface StanzaError {
  /** RFC 6120 §8.3.3, e.g. `item-not-found`; `undefined-condition` if none can be read. */
  readonly condition: string
  readonly type: ErrorType
  readonly text?: string | undefined
  /** Application-specific condition, e.g. `precondition-not-met`. */
  readonly application?: string | undefined
}

const TYPES: readonly string[] = ["cancel", "wait", "modify", "auth", "continue"]

/** Reads the error of a stanza with `type='error'`; undefined for any other. */
export function readStanzaError(stanza: XmlElement): StanzaError | undefined {
  if (stanza.attributes.type !== "error") return undefined
  const error = childElement(stanza, "error", stanza.namespace)
  const children = error === undefined ? [] : childElements(error)
  const defined = children.filter((child) => child.namespace === namespaces.stanzas)
  const text = defined.find((child) => child.name === "text")
  const type = error?.attributes.type ?? ""
  return {
    condition: defined.find((child) => child.name !== "text")?.name ?? "undefined-condition",
    type: TYPES.includes(type) ? (type as ErrorType) : "cancel",
    text: text === undefined ? undefined : textOf(text),
    application: children.find((child) => child.namespace !== namespaces.stanzas)?.name,
  }
}

/** An `<iq/>`. */
export function iq(
  attributes: {
    readonly type: "get" | "set" | "result" | "error"
    readonly id?: string | undefined
    readonly to?: string | undefined
    readonly from?: string | undefined
  },
  child?: XmlElement,
): XmlElement {
  return element("iq", namespaces.client, { ...attributes }, child === undefined ? [] : [child])
}
