// XEP-0297 v1.0, Stanza Forwarding. https://xmpp.org/extensions/xep-0297.html
import { childElement, type XmlElement } from "@aurochs/core"
import { onlyChild } from "./codec.ts"
import { delay } from "./delay.ts"
import { namespaces } from "./namespaces.ts"

/** A stanza inside another one. Who wrapped it decides whether to believe any of it. */
export interface Forwarded {
  readonly stanza: XmlElement
  /** The wrapper's stamp. */
  readonly stamp?: Date | undefined
}

/**
 * The one `<forwarded/>` in an element, with the one message in it.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
export function readForwarded(parent: XmlElement): Forwarded {
  const forwarded = onlyChild(parent, "forwarded", namespaces.forward)
  const stanza = onlyChild(forwarded, "message", namespaces.client)
  const stamp = childElement(forwarded, "delay", namespaces.delay)
  return { stanza, stamp: stamp === undefined ? undefined : delay.read(stamp).stamp }
}
