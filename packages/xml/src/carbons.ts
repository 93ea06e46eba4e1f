// XEP-0280 v1.0.1, Message Carbons. https://xmpp.org/extensions/xep-0280.html
import { childElements, element, type XmlElement } from "@aurochs/core"
import { type Forwarded, readForwarded } from "./forwarded.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"

const { carbons: carbonCopies } = namespaces

/** Asks the server for copies (XEP-0280 §4). */
function enable(): XmlElement {
  return element("enable", carbonCopies)
}

/**
 * The copy in a message (XEP-0280 §7), if it is one.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
function readCarbon(
  message: XmlElement,
): { readonly direction: "sent" | "received"; readonly forwarded: Forwarded } | undefined {
  const copies = (["sent", "received"] as const).flatMap((direction) =>
    childElements(message, direction, carbonCopies).map((copy) => ({ direction, copy })),
  )
  const [first, ...more] = copies
  if (first === undefined) return undefined
  if (more.length > 0) throw badXml("a message with several copies")
  return { direction: first.direction, forwarded: readForwarded(first.copy) }
}

/** Message carbons (XEP-0280). */
export const carbons: { readonly enable: typeof enable; readonly read: typeof readCarbon } = {
  enable,
  read: readCarbon,
}
