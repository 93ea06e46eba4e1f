// Who may say what: XEP-0280 §12 (A12), XEP-0313 §8 (A13), XEP-0163 §4.3 (A14), XEP-0203 §4.
import {
  type BareJid,
  childElement,
  childElements,
  isAurochsError,
  parseJid,
  sameBareJid,
  toBareJid,
  type Via,
  type XmlElement,
} from "@aurochs/core"
import { carbons, delay, mam, namespaces, stanzaIdOf } from "@aurochs/xml"

/** What an incoming message turned out to be. */
export type Routed =
  | {
      readonly kind: "message"
      readonly stanza: XmlElement
      readonly via: Via
      readonly stampedAt?: Date | undefined
      readonly archiveId?: string | undefined
    }
  | { readonly kind: "pep"; readonly node: string; readonly from: BareJid; readonly item?: XmlElement | undefined }
  /** It claims what its sender may not claim, or cannot be read. */
  | { readonly kind: "dropped"; readonly why: "forged-carbon" | "forged-archive-result" | "forged-event" | "malformed" }

/**
 * Sorts an incoming `<message/>` and holds its claims against who sent it.
 *
 * @param openQuery id of the archive query that is running, if one is
 */
export function routeMessage(message: XmlElement, account: BareJid, openQuery: string | undefined): Routed {
  try {
    if (childElement(message, "result", namespaces.mam)) return archived(message, account, openQuery)
    if (childElement(message, "sent", namespaces.carbons) || childElement(message, "received", namespaces.carbons)) {
      return carbon(message, account)
    }
    if (childElement(message, "event", namespaces.pubsubEvent)) return notification(message, account)
    const archiveId = stanzaIdOf(message, account)
    return { kind: "message", stanza: message, via: "live", stampedAt: ownStamp(message, account), archiveId }
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return { kind: "dropped", why: "malformed" }
    throw error
  }
}

/** Exactly the bare JID of the account: the server speaks for it. */
function isAccount(from: string | undefined, account: BareJid): boolean {
  if (from === undefined) return false
  const { resource } = parseJid(from)
  return resource === undefined && sameBareJid(from, account)
}

function carbon(message: XmlElement, account: BareJid): Routed {
  const copy = carbons.read(message)
  if (copy === undefined || !isAccount(message.attributes.from, account))
    return { kind: "dropped", why: "forged-carbon" }
  const { stanza } = copy.forwarded
  const mine = copy.direction === "sent" ? stanza.attributes.from : stanza.attributes.to
  if (!sameBareJid(mine ?? "", account)) return { kind: "dropped", why: "forged-carbon" }
  const via = copy.direction === "sent" ? "carbon-sent" : "carbon-received"
  return { kind: "message", stanza, via, stampedAt: ownStamp(stanza, account), archiveId: stanzaIdOf(stanza, account) }
}

function archived(message: XmlElement, account: BareJid, openQuery: string | undefined): Routed {
  const { from } = message.attributes
  const result = mam.readResult(message)
  const ours = from === undefined || isAccount(from, account)
  if (result === undefined || !ours || openQuery === undefined || result.queryId !== openQuery) {
    return { kind: "dropped", why: "forged-archive-result" }
  }
  const { stanza, stamp } = result.forwarded
  const { from: sender = "", to = account } = stanza.attributes
  if (!sameBareJid(sender, account) && !sameBareJid(to, account))
    return { kind: "dropped", why: "forged-archive-result" }
  return { kind: "message", stanza, via: "mam", stampedAt: stamp, archiveId: result.id }
}

/** A node belongs to the bare JID that sends the notification; a resource cannot speak for it. */
function notification(message: XmlElement, account: BareJid): Routed {
  const { from = account, type } = message.attributes
  const items = childElement(message, "event", namespaces.pubsubEvent)
  const [what] = items === undefined ? [] : childElements(items).filter((child) => child.attributes.node !== undefined)
  if (what?.attributes.node === undefined || type === "error") return { kind: "dropped", why: "malformed" }
  if (parseJid(from).resource !== undefined) return { kind: "dropped", why: "forged-event" }
  const item = what.name === "items" ? childElements(what, "item", namespaces.pubsubEvent).at(-1) : undefined
  return { kind: "pep", node: what.attributes.node, from: toBareJid(from), item }
}

/** `<delay/>` counts if our own server or account stamped it (XEP-0203 §4). */
function ownStamp(stanza: XmlElement, account: BareJid): Date | undefined {
  const { domain } = parseJid(account)
  const stamps = childElements(stanza, "delay", namespaces.delay)
    .filter(({ attributes }) => attributes.from === domain || isAccountOrNothing(attributes.from, account))
    .map((child) => delay.read(child).stamp.getTime())
  return stamps.length === 0 ? undefined : new Date(Math.min(...stamps))
}

function isAccountOrNothing(from: string | undefined, account: BareJid): boolean {
  try {
    return isAccount(from, account)
  } catch {
    return false
  }
}
