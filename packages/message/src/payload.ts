import { childElements, element, textOf, type XmlElement } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { type Notes, nameFor } from "./notes.ts"

/** `<body/>`, for the payload of a message (RFC 6121 §5.2.3). */
export function textBody(text: string): XmlElement {
  return element("body", namespaces.client, {}, [text])
}

/** RFC 6121 §5.2: the children of a message that belong inside. `<error/>` and whole stanzas do not. */
const CLIENT_CHILDREN: ReadonlySet<string> = new Set(["body", "subject", "thread"])

/**
 * Namespaces whose elements a server or the carrying stanza speaks with, never the author of a message (attack A11).
 * XEP-0334, XEP-0359, XEP-0033, XEP-0380, XEP-0203, XEP-0297, XEP-0079; OX itself; other encryptions.
 */
const ENVELOPE_NAMESPACES: ReadonlySet<string> = new Set([
  namespaces.hints,
  namespaces.stanzaId,
  namespaces.addresses,
  namespaces.eme,
  namespaces.delay,
  "jabber:x:delay",
  namespaces.forward,
  namespaces.openpgp,
  namespaces.stanzas,
  "http://jabber.org/protocol/amp",
  "http://etherx.jabber.org/streams",
  "jabber:x:encrypted",
  "jabber:x:signed",
  "eu.siacs.conversations.axolotl",
])

/** Families of such namespaces: carbons, archive, stream management, group chat, PEP events, OMEMO. */
const ENVELOPE_PREFIXES: readonly string[] = [
  "urn:xmpp:carbons:",
  "urn:xmpp:mam:",
  "urn:xmpp:sm:",
  "urn:xmpp:omemo:",
  "http://jabber.org/protocol/muc",
  "http://jabber.org/protocol/pubsub",
]

/** Has this element no place in a payload (attack A11)? */
export function isEnvelopeElement(child: XmlElement): boolean {
  const { name, namespace } = child
  if (namespace === namespaces.client || namespace === namespaces.server) return !CLIENT_CHILDREN.has(name)
  return ENVELOPE_NAMESPACES.has(namespace) || ENVELOPE_PREFIXES.some((prefix) => namespace.startsWith(prefix))
}

/**
 * The children of `<payload/>` that may be treated as children of the message (XEP-0374 §2.2): server-only and
 * envelope elements are dropped and named (attack A11), `jabber:server` becomes `jabber:client` (I6).
 *
 * @param payload the children as signed
 * @param notes gets the name of each dropped element
 */
export function acceptPayload(payload: readonly XmlElement[], notes: Notes): XmlElement[] {
  const kept: XmlElement[] = []
  for (const child of payload) {
    if (isEnvelopeElement(child)) notes.add(`dropped from the payload: ${nameFor(child)}`)
    else kept.push(asClient(child))
  }
  return kept
}

/**
 * The text of a message: the first `<body/>` without `xml:lang`, else the first of all.
 *
 * @param parent children of a payload or of a stanza
 * @param notes told when there was a choice
 */
export function bodyText(parent: readonly XmlElement[], notes: Notes): string | undefined {
  const bodies = parent.filter((child) => child.name === "body" && child.namespace === namespaces.client)
  if (bodies.length > 1) notes.add(`${bodies.length} bodies`)
  const chosen = bodies.find((body) => body.attributes["xml:lang"] === undefined) ?? bodies[0]
  if (chosen === undefined) return undefined
  // RFC 6121 §5.2.3: only text. What an element inside would say is nobody's guess.
  if (childElements(chosen).length > 0) notes.add("elements inside the body")
  return textOf(chosen)
}

/** RFC 6120 §4.8.3: the same elements under the namespace of server-to-server streams. */
function asClient(child: XmlElement): XmlElement {
  if (child.namespace !== namespaces.server) return child
  const children = child.children.map((inner) => (typeof inner === "string" ? inner : asClient(inner)))
  return { ...child, namespace: namespaces.client, children }
}
