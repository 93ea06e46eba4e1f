// XEP-0060 v1.30.0 (pubsub), the part that XEP-0163 v1.2.2 (PEP) needs. https://xmpp.org/extensions/xep-0060.html
import { childElement, childElements, element, type XmlElement } from "@aurochs/core"
import { dataForm, submitForm } from "./data-form.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"

const { pubsub: ns, pubsubOwner: owner, pubsubEvent: event } = namespaces

/** One `<item/>`. */
export interface PubsubItem {
  readonly id?: string | undefined
  readonly publisher?: string | undefined
  /** Its one child; undefined in a notification without payload. */
  readonly payload?: XmlElement | undefined
}

/** What a notification says of a node. */
export interface PubsubEvent {
  readonly node: string
  readonly kind: "items" | "delete" | "purge" | "configuration"
  readonly items: readonly PubsubItem[]
  /** Ids of items that were taken back. */
  readonly retracted: readonly string[]
}

/** The child of an IQ that publishes an item (§7.1), with publish-options (§7.1.5). */
function publish(o: {
  readonly node: string
  readonly itemId?: string | undefined
  readonly payload: XmlElement
  readonly options?: Readonly<Record<string, string>> | undefined
}): XmlElement {
  const item = element("item", ns, { id: o.itemId }, [o.payload])
  const options =
    o.options && element("publish-options", ns, {}, [dataForm.write(submitForm(namespaces.publishOptions, o.options))])
  return element("pubsub", ns, {}, [element("publish", ns, { node: o.node }, [item]), ...(options ? [options] : [])])
}

/** The child of an IQ that asks for items (§6.5). */
function items(o: {
  readonly node: string
  readonly maxItems?: number | undefined
  readonly itemId?: string | undefined
}): XmlElement {
  const max = o.maxItems === undefined ? undefined : String(o.maxItems)
  const wanted = o.itemId === undefined ? [] : [element("item", ns, { id: o.itemId })]
  return element("pubsub", ns, {}, [element("items", ns, { node: o.node, max_items: max }, wanted)])
}

/** The child of an IQ that takes an item back (§7.2). */
function retract(o: {
  readonly node: string
  readonly itemId: string
  readonly notify?: boolean | undefined
}): XmlElement {
  const notify = o.notify ? "true" : undefined
  return element("pubsub", ns, {}, [
    element("retract", ns, { node: o.node, notify }, [element("item", ns, { id: o.itemId })]),
  ])
}

/** The child of an IQ that subscribes to a node (§6.1). */
function subscribe(o: { readonly node: string; readonly jid: string }): XmlElement {
  return element("pubsub", ns, {}, [element("subscribe", ns, { node: o.node, jid: o.jid })])
}

/** The child of an IQ that ends a subscription (§6.2). */
function unsubscribe(o: { readonly node: string; readonly jid: string }): XmlElement {
  return element("pubsub", ns, {}, [element("unsubscribe", ns, { node: o.node, jid: o.jid })])
}

/** The child of an IQ that deletes a node (§8.4). */
function deleteNode(node: string): XmlElement {
  return element("pubsub", owner, {}, [element("delete", owner, { node })])
}

/** The child of an IQ that creates a node (§8.1), configured at once (§8.1.3) if fields are given. */
function createNode(node: string, fields?: Readonly<Record<string, string>>): XmlElement {
  const form = fields && dataForm.write(submitForm(namespaces.nodeConfig, fields))
  return element("pubsub", ns, {}, [
    element("create", ns, { node }),
    ...(form ? [element("configure", ns, {}, [form])] : []),
  ])
}

/** The child of an IQ that changes a node's configuration (§8.2). */
function configure(o: { readonly node: string; readonly fields: Readonly<Record<string, string>> }): XmlElement {
  const form = dataForm.write(submitForm(namespaces.nodeConfig, o.fields))
  return element("pubsub", owner, {}, [element("configure", owner, { node: o.node }, [form])])
}

/** The child of an IQ that asks for a node's configuration (§8.2.1). */
function getConfig(node: string): XmlElement {
  return element("pubsub", owner, {}, [element("configure", owner, { node })])
}

/** The child of an IQ that asks who may do what on one's own node (§8.9.1). */
function getAffiliations(node: string): XmlElement {
  return element("pubsub", owner, {}, [element("affiliations", owner, { node })])
}

/**
 * The affiliations in the answer to {@link getAffiliations}: address and what it may, e.g. `owner`, `member`.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) if the answer has none of it
 */
function readAffiliations(answer: XmlElement): readonly { readonly jid: string; readonly affiliation: string }[] {
  const list = childElement(childElement(answer, "pubsub", owner) ?? answer, "affiliations", owner)
  if (list === undefined) throw badXml("an answer without <affiliations/>")
  return childElements(list, "affiliation", owner).map(({ attributes: { jid, affiliation } }) => {
    if (jid === undefined || affiliation === undefined) throw badXml("an <affiliation/> without address or kind")
    return { jid, affiliation }
  })
}

/**
 * The items in the answer to {@link items}, in document order.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`) if the answer has none of it
 */
function readItems(answer: XmlElement): { readonly node: string; readonly items: readonly PubsubItem[] } {
  const list = childElement(childElement(answer, "pubsub", ns) ?? answer, "items", ns)
  if (list?.attributes.node === undefined) throw badXml("an answer without <items/>")
  return { node: list.attributes.node, items: childElements(list, "item", ns).map(readItem) }
}

/** The notification in a message, if it is one. Who sent it is for the caller to check. */
function readEvent(message: XmlElement): PubsubEvent | undefined {
  const container = childElement(message, "event", event)
  if (container === undefined) return undefined
  for (const kind of ["items", "delete", "purge", "configuration"] as const) {
    const child = childElement(container, kind, event)
    if (child?.attributes.node === undefined) continue
    return {
      node: child.attributes.node,
      kind,
      items: childElements(child, "item", event).map(readItem),
      retracted: childElements(child, "retract", event).flatMap(({ attributes }) =>
        attributes.id === undefined ? [] : [attributes.id],
      ),
    }
  }
  return undefined
}

function readItem(item: XmlElement): PubsubItem {
  const { id, publisher } = item.attributes
  return { id, publisher, payload: childElements(item)[0] }
}

/** Requests and answers of pubsub; each request is the child of an IQ. */
export const pubsub: {
  readonly publish: typeof publish
  readonly items: typeof items
  readonly retract: typeof retract
  readonly subscribe: typeof subscribe
  readonly unsubscribe: typeof unsubscribe
  readonly deleteNode: typeof deleteNode
  readonly createNode: typeof createNode
  readonly configure: typeof configure
  readonly getConfig: typeof getConfig
  readonly getAffiliations: typeof getAffiliations
  readonly readAffiliations: typeof readAffiliations
  readonly readItems: typeof readItems
  readonly readEvent: typeof readEvent
} = {
  publish,
  items,
  retract,
  subscribe,
  unsubscribe,
  deleteNode,
  createNode,
  configure,
  getConfig,
  getAffiliations,
  readAffiliations,
  readItems,
  readEvent,
}
