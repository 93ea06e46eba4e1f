// XEP-0359 v0.7.0, Unique and Stable Stanza IDs. https://xmpp.org/extensions/xep-0359.html
import { type BareJid, childElements, sameBareJid, type XmlElement } from "@aurochs/core"
import { namespaces } from "./namespaces.ts"

/** The id that this account's own archive gave a stanza (XEP-0359 §3); ids given by others are not looked at. */
export function stanzaIdOf(stanza: XmlElement, by: BareJid): string | undefined {
  const own = childElements(stanza, "stanza-id", namespaces.stanzaId).filter((child) =>
    sameBareJid(child.attributes.by ?? "", by),
  )
  return own.length === 1 ? own[0]?.attributes.id || undefined : undefined
}
