import {
  type BareJid,
  childElements,
  type Delivery,
  isAurochsError,
  sameBareJid,
  toBareJid,
  type XmlElement,
} from "@aurochs/core"
import { defaultLimits } from "@aurochs/crypto"
import { namespaces, openpgpElement } from "@aurochs/xml"

/** Who a message is between, as its stanza and its way to us say. */
export interface Parties {
  /** The other side. */
  readonly peer: BareJid
  /** `out`: another client of this account wrote it. */
  readonly direction: "in" | "out"
  /** Whose signature it needs: the peer, or for `out` the account itself. */
  readonly sender: BareJid
}

/**
 * Who a message is between. A carbon or archived message of our own names the peer in `to`; a missing `from` is our
 * own account's (RFC 6120 §8.1.2.1).
 *
 * @returns undefined if the other side is no `local@domain`: such a stanza carries no chat message
 */
export function peerOf(delivery: Delivery, account: BareJid): Parties | undefined {
  const { from, to } = delivery.stanza.attributes
  const sender = from === undefined ? account : toBare(from)
  if (sender === undefined) return undefined
  const archived = delivery.via === "mam" && sameBareJid(sender, account) && !sameBareJid(to ?? account, account)
  if (delivery.via !== "carbon-sent" && !archived) return { peer: sender, direction: "in", sender }
  const peer = to === undefined ? undefined : toBare(to)
  // A sent carbon of somebody else's message is a forgery that the transport should have stopped (attack A12).
  if (peer === undefined || !sameBareJid(sender, account)) return undefined
  return { peer, direction: "out", sender: account }
}

/**
 * The binary OpenPGP message of a stanza; undefined if it has none, more than one (attack A8), or one that cannot be
 * read or exceeds the default size.
 */
export function openpgpBytesOf(stanza: XmlElement): Uint8Array | undefined {
  const elements = openpgpElementsOf(stanza)
  const [only] = elements
  if (only === undefined || elements.length > 1) return undefined
  try {
    const bytes = openpgpElement.read(only)
    return bytes.length <= defaultLimits.maxMessageBytes ? bytes : undefined
  } catch (error) {
    if (isAurochsError(error)) return undefined
    throw error
  }
}

/** Is there anything for `open` to read: encryption of any kind, or a body? Bounced messages (type `error`) carry nothing. */
export function carriesMessage(stanza: XmlElement): "message" | "nothing" {
  return carries(envelopeOf(stanza)) ? "message" : "nothing"
}

/** What a stanza says about encryption. */
export interface Envelope {
  readonly stanza: XmlElement
  /** Every `<openpgp/>` directly inside (XEP-0373 §3.1). */
  readonly openpgp: readonly XmlElement[]
  /** Does the stanza say that it is encrypted (XEP-0380)? */
  readonly hasEme: boolean
  /** The namespace of an encryption other than OX that it uses, by element or by EME. */
  readonly otherEncryption: string | undefined
}

/** Reads the envelope, once for all that is asked about it. */
export function envelopeOf(stanza: XmlElement): Envelope {
  const openpgp: XmlElement[] = []
  let hasEme = false
  let otherEncryption: string | undefined
  for (const child of stanza.children) {
    if (typeof child === "string") continue
    if (child.name === "openpgp" && child.namespace === namespaces.openpgp) openpgp.push(child)
    if (child.name === "encryption" && child.namespace === namespaces.eme) hasEme = true
    otherEncryption ??= otherEncryptionIn(child)
  }
  return { stanza, openpgp, hasEme, otherEncryption }
}

/** As {@link carriesMessage}. */
export function carries({ stanza, openpgp, hasEme, otherEncryption }: Envelope): boolean {
  if (stanza.name !== "message" || stanza.attributes.type === "error") return false
  return openpgp.length > 0 || hasEme || otherEncryption !== undefined || plaintextBodies(stanza).length > 0
}

/** Every `<openpgp/>` directly inside (XEP-0373 §3.1). */
function openpgpElementsOf(stanza: XmlElement): XmlElement[] {
  return childElements(stanza, "openpgp", namespaces.openpgp)
}

/** The bodies outside of any encryption that have a text. */
export function plaintextBodies(stanza: XmlElement): XmlElement[] {
  return childElements(stanza, "body")
    .filter((body) => body.namespace === namespaces.client || body.namespace === namespaces.server)
    .map((body) => ({ ...body, namespace: namespaces.client }))
    .filter((body) => body.children.some((child) => child !== ""))
}

/** Elements that carry another encryption's text, by namespace: OMEMO, XEP-0027, RFC 3923. */
const OTHER_ENCRYPTIONS: ReadonlyMap<string, string> = new Map([
  ["eu.siacs.conversations.axolotl", "encrypted"],
  ["urn:xmpp:omemo:1", "encrypted"],
  ["urn:xmpp:omemo:2", "encrypted"],
  ["jabber:x:encrypted", "x"],
  ["urn:ietf:params:xml:ns:xmpp-e2e", "e2e"],
])

function otherEncryptionIn(child: XmlElement): string | undefined {
  if (OTHER_ENCRYPTIONS.get(child.namespace) === child.name) return child.namespace
  if (child.name !== "encryption" || child.namespace !== namespaces.eme) return undefined
  const named = child.attributes.namespace
  return named === namespaces.openpgp ? undefined : (named ?? "")
}

function toBare(text: string): BareJid | undefined {
  try {
    return toBareJid(text)
  } catch {
    return undefined
  }
}
