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
import { carbons, delay, mam, namespaces, pubsub, stanzaIdOf } from "@aurochs/xml"
import type { DropReason } from "./options.ts"

/** A message that may be delivered. */
export interface RoutedMessage {
  readonly kind: "message"
  readonly stanza: XmlElement
  readonly via: Via
  readonly stampedAt?: Date | undefined
  /** The id that our account's archive gave it. */
  readonly archiveId?: string | undefined
}

/** What an incoming message turned out to be. */
export type Routed =
  | RoutedMessage
  | { readonly kind: "event"; readonly node: string; readonly from: BareJid; readonly item?: XmlElement | undefined }
  /** The result of a query that only asks where the archive ends. */
  | { readonly kind: "probe" }
  | { readonly kind: "dropped"; readonly why: DropReason }

/**
 * Sorts an incoming `<message/>` and holds its claims against who sent it.
 *
 * @param queries the archive queries that are open
 */
export function routeMessage(
  message: XmlElement,
  account: BareJid,
  queries: ReadonlyMap<string, "deliver" | "probe">,
): Routed {
  try {
    if (childElement(message, "result", namespaces.mam)) return archived(message, account, queries)
    if (childElement(message, "sent", namespaces.carbons) || childElement(message, "received", namespaces.carbons)) {
      return carbon(message, account)
    }
    return notification(message, account) ?? live(message, account)
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return { kind: "dropped", why: "malformed" }
    throw error
  }
}

function live(message: XmlElement, account: BareJid): RoutedMessage {
  const stampedAt = ownStamp(message, account)
  return { kind: "message", stanza: message, via: "live", stampedAt, archiveId: stanzaIdOf(message, account) }
}

/** Exactly the bare JID of the account: our server speaks for it, nobody else can. */
function isAccount(from: string | undefined, account: BareJid): boolean {
  return from !== undefined && sameBareJid(from, account) && parseJid(from).resource === undefined
}

function carbon(message: XmlElement, account: BareJid): Routed {
  if (!isAccount(message.attributes.from, account)) return { kind: "dropped", why: "forged-carbon" }
  const copy = carbons.read(message)
  if (copy === undefined) return { kind: "dropped", why: "malformed" }
  const { stanza, stamp } = copy.forwarded
  const mine = copy.direction === "sent" ? stanza.attributes.from : (stanza.attributes.to ?? account)
  if (!sameBareJid(mine ?? "", account)) return { kind: "dropped", why: "forged-carbon" }
  const via = copy.direction === "sent" ? "carbon-sent" : "carbon-received"
  const stampedAt = stamp ?? ownStamp(stanza, account)
  return { kind: "message", stanza, via, stampedAt, archiveId: stanzaIdOf(stanza, account) }
}

function archived(message: XmlElement, account: BareJid, queries: ReadonlyMap<string, "deliver" | "probe">): Routed {
  const forged: Routed = { kind: "dropped", why: "forged-archive-result" }
  const { from } = message.attributes
  if (from !== undefined && !isAccount(from, account)) return forged
  const result = mam.readResult(message)
  const purpose = queries.get(result?.queryId ?? "")
  if (result === undefined || purpose === undefined) return forged
  if (purpose === "probe") return { kind: "probe" }
  const { stanza, stamp } = result.forwarded
  const { from: sender = account, to = account } = stanza.attributes
  if (!sameBareJid(sender, account) && !sameBareJid(to, account)) return forged
  return { kind: "message", stanza, via: "mam", stampedAt: stamp, archiveId: result.id }
}

/** A PEP node belongs to the bare JID that sends the notification; a resource cannot speak for it. */
function notification(message: XmlElement, account: BareJid): Routed | undefined {
  const { from = account, type } = message.attributes
  const event = type === "error" ? undefined : pubsub.readEvent(message)
  if (event === undefined) return undefined
  const { local, resource } = parseJid(from)
  if (resource !== undefined) return { kind: "dropped", why: "forged-event" }
  // A pubsub service, not an account.
  if (local === undefined) return undefined
  const items = childElement(message, "event", namespaces.pubsubEvent)
  const list = items && childElement(items, "items", namespaces.pubsubEvent)
  const item = list && childElements(list, "item", namespaces.pubsubEvent).at(-1)
  return { kind: "event", node: event.node, from: toBareJid(from), item }
}

/**
 * `<delay/>` counts if our own server or account stamped it. Of several the newest: ours is the last to be added, and an
 * older one makes an old message acceptable.
 */
function ownStamp(stanza: XmlElement, account: BareJid): Date | undefined {
  const { domain } = parseJid(account)
  const stamps = childElements(stanza, "delay", namespaces.delay)
    .filter(({ attributes: { from = "" } }) => sameBareJid(from, domain) || isAccount(from, account))
    .flatMap(stampOf)
  return stamps.length === 0 ? undefined : new Date(Math.max(...stamps))
}

function stampOf(stamp: XmlElement): number[] {
  try {
    return [delay.read(stamp).stamp.getTime()]
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return []
    throw error
  }
}
