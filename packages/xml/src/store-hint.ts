// XEP-0334 v1.0.0, Message Processing Hints. https://xmpp.org/extensions/xep-0334.html
import { element, type XmlElement } from "@aurochs/core"
import { namespaces } from "./namespaces.ts"

/** `<store/>`: the archive should keep this message (XEP-0374 §3.2, I13). */
export function storeHint(): XmlElement {
  return element("store", namespaces.hints)
}
