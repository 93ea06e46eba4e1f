import {
  AurochsError,
  type BareJid,
  bareJid,
  type CallOptions,
  childElement,
  childElements,
  element,
  type PepEvent,
  type Transport,
  throwIfAborted,
  type XmlElement,
} from "@aurochs/core"
import { dataForm, discoInfo, iq, namespaces } from "@aurochs/xml"

const { pubsub: ns, pubsubOwner: ownerNs } = namespaces

/** One item of a node. */
export interface StoredItem {
  readonly id: string
  readonly payload: XmlElement
}

/** A node of an account. Items in the order of publication. */
export interface StoredNode {
  config: Record<string, string>
  items: StoredItem[]
}

/** One request that the service answered. */
export interface Asked {
  readonly from: BareJid
  readonly owner: BareJid
  readonly action:
    | "publish"
    | "items"
    | "create"
    | "configure"
    | "get-config"
    | "affiliations"
    | "delete"
    | "retract"
    | "disco"
  readonly node: string
  readonly maxItems?: string | undefined
  readonly itemId?: string | undefined
  readonly options?: Readonly<Record<string, string>> | undefined
}

/** How this service differs from an ordinary one. */
export interface PepBehaviour {
  /** Publish-options are preconditions (XEP-0060 §7.1.5); false: they are not looked at, a new node is `presence`. */
  readonly publishOptions?: boolean
  /** Prosody sends the oldest first. */
  readonly order?: "old-first" | "new-first"
  /** Sends every item, however few were asked for, and keeps every one. */
  readonly manyItems?: boolean
  /** Tells no configuration and takes none. */
  readonly withoutConfig?: boolean
  /** What service discovery says; by default everything that a secret key needs. */
  readonly features?: readonly string[]
  /** Who else has a part in every node. */
  readonly affiliations?: Readonly<Record<string, string>>
  /** Refuses to set any of these fields. */
  readonly refusedFields?: readonly string[]
  /** Runs before each request; what it throws is the answer, and it may play another client in between. */
  before?(asked: Asked): void | Promise<void>
}

/** A PEP service in memory, which behaves like a server's (XEP-0163), and everything that happened on it. */
export interface PepService {
  readonly asked: Asked[]
  node(owner: BareJid, node: string): StoredNode | undefined
  /** As another client of the owner does it: no questions asked. */
  put(owner: BareJid, node: string, items: readonly StoredItem[], config?: Record<string, string>): void
  transport(account: BareJid): Transport
}

const DEFAULTS: Readonly<Record<string, string>> = {
  "pubsub#access_model": "presence",
  "pubsub#persist_items": "true",
  "pubsub#deliver_payloads": "true",
  "pubsub#send_last_published_item": "on_sub_and_presence",
}

export function pepService(behaviour: PepBehaviour = {}): PepService {
  const nodes = new Map<string, StoredNode>()
  const asked: Asked[] = []
  const listeners = new Set<{ node: string; push(event: PepEvent): void }>()
  const keyOf = (owner: BareJid, node: string) => `${owner}\n${node}`

  const notify = (owner: BareJid, node: string, item?: XmlElement) => {
    for (const one of listeners) if (one.node === node) one.push({ from: owner, item })
  }

  async function answer(account: BareJid, request: XmlElement): Promise<XmlElement> {
    const one = readRequest(account, request)
    asked.push(one.asked)
    await behaviour.before?.(one.asked)
    const { owner, node, action } = one.asked
    const stored = nodes.get(keyOf(owner, node))
    const isOwn = owner === account
    if (!isOwn && action !== "items") throw stanzaError("forbidden", "auth")
    if (action === "disco") {
      const features = behaviour.features ?? ["access-whitelist", "persistent-items"].map((one) => `${ns}#${one}`)
      const identities = [{ category: "pubsub", type: "pep" }]
      return result(discoInfo.write({ identities, features, forms: [] }))
    }
    if (action === "create") {
      if (stored !== undefined) throw stanzaError("conflict")
      nodes.set(keyOf(owner, node), { config: { ...DEFAULTS, ...one.asked.options }, items: [] })
      return result()
    }
    if (action === "publish") return publish(owner, node, one.asked, one.item)
    if (stored === undefined) throw stanzaError("item-not-found")
    if (action === "items") {
      if (!isOwn && stored.config["pubsub#access_model"] !== "open") throw stanzaError("forbidden", "auth")
      return result(itemsOf(node, stored, one.asked.maxItems))
    }
    if (action === "delete") {
      nodes.delete(keyOf(owner, node))
      notify(owner, node)
      return result()
    }
    if (action === "retract") {
      stored.items = stored.items.filter((item) => item.id !== one.asked.itemId)
      return result()
    }
    if (action === "affiliations") {
      const all = Object.entries({ [owner]: "owner", ...behaviour.affiliations })
      const list = all.map(([jid, affiliation]) => element("affiliation", ownerNs, { jid, affiliation }))
      return result(element("pubsub", ownerNs, {}, [element("affiliations", ownerNs, { node }, list)]))
    }
    if (behaviour.withoutConfig) throw stanzaError("feature-not-implemented")
    if (action === "get-config") {
      const fields = Object.fromEntries(Object.entries(stored.config).map(([name, value]) => [name, [value]]))
      const form = dataForm.write({ type: "form", formType: namespaces.nodeConfig, fields })
      return result(element("pubsub", ownerNs, {}, [element("configure", ownerNs, { node }, [form])]))
    }
    const fields = one.asked.options ?? {}
    if (behaviour.refusedFields?.some((name) => name in fields)) throw stanzaError("not-acceptable", "modify")
    stored.config = { ...stored.config, ...fields }
    return result()
  }

  function publish(owner: BareJid, node: string, { options = {} }: Asked, item: StoredItem | undefined): XmlElement {
    if (item === undefined) throw stanzaError("bad-request", "modify")
    const honoured = behaviour.publishOptions === false ? {} : options
    const before = nodes.get(keyOf(owner, node))
    if (before !== undefined && Object.entries(honoured).some(([name, value]) => before.config[name] !== value)) {
      // As Prosody does it: conflict, with the application's condition.
      throw stanzaError("conflict", "cancel", "precondition-not-met")
    }
    const stored = before ?? { config: { ...DEFAULTS, ...honoured }, items: [] }
    const kept = behaviour.manyItems ? stored.items.filter((one) => one.id !== item.id) : []
    stored.items = [...kept, item]
    nodes.set(keyOf(owner, node), stored)
    const payload = stored.config["pubsub#deliver_payloads"] === "false" ? [] : [item.payload]
    notify(owner, node, element("item", namespaces.pubsubEvent, { id: item.id }, payload))
    return result()
  }

  function itemsOf(node: string, stored: StoredNode, maxItems: string | undefined): XmlElement {
    const max = maxItems === undefined || behaviour.manyItems ? stored.items.length : Number(maxItems)
    const newest = max === 0 ? [] : stored.items.slice(-max)
    const ordered = behaviour.order === "new-first" ? newest.toReversed() : newest
    const children = ordered.map(({ id, payload }) => element("item", ns, { id }, [payload]))
    return element("pubsub", ns, {}, [element("items", ns, { node }, children)])
  }

  return {
    asked,
    node: (owner, node) => nodes.get(keyOf(owner, node)),
    put(owner, node, items, config = { "pubsub#access_model": "open" }) {
      nodes.set(keyOf(owner, node), { config: { ...DEFAULTS, ...config }, items: [...items] })
      notify(owner, node)
    },
    transport: (account) => ({
      account,
      async request(request, options) {
        throwIfAborted(options)
        const answered = await answer(account, request)
        throwIfAborted(options)
        return answered
      },
      events: (node, options) => eventsOf(node, listeners, options),
      async *sessions() {},
      async *messages() {},
      send: async () => {},
      answer: () => ({ [Symbol.dispose]: () => {} }),
      feature: () => ({ [Symbol.dispose]: () => {} }),
      [Symbol.asyncDispose]: async () => {},
    }),
  }
}

/** An error as the transport hands it on. */
export function stanzaError(
  condition: string,
  type: "cancel" | "wait" | "modify" | "auth" = "cancel",
  application?: string,
): AurochsError<"STANZA_ERROR"> {
  const details = application === undefined ? { condition, type } : { condition, type, application }
  return new AurochsError("STANZA_ERROR", `the server answered ${condition}`, details)
}

function result(child?: XmlElement): XmlElement {
  return iq({ type: "result" }, child)
}

function readRequest(from: BareJid, request: XmlElement): { asked: Asked; item?: StoredItem | undefined } {
  const pubsub = childElements(request)[0]
  if (pubsub?.namespace === namespaces.discoInfo) {
    return { asked: { from, owner: bareJid(request.attributes.to ?? from), action: "disco", node: "" } }
  }
  const child = pubsub && childElements(pubsub)[0]
  if (pubsub === undefined || child === undefined) throw stanzaError("bad-request", "modify")
  const owner = request.attributes.to === undefined ? from : bareJid(request.attributes.to)
  const node = child.attributes.node ?? ""
  const base = { from, owner, node, maxItems: child.attributes.max_items }
  const item = childElement(child, "item", ns)
  const form = formIn(pubsub)
  if (child.name === "publish") {
    const payload = item && childElements(item)[0]
    const id = item?.attributes.id ?? "made-by-the-server"
    return {
      asked: { ...base, action: "publish", itemId: item?.attributes.id, options: form },
      item: payload && { id, payload },
    }
  }
  if (child.name === "create" || child.name === "affiliations") {
    return { asked: { ...base, action: child.name, options: form } }
  }
  if (child.name === "configure") {
    const action = request.attributes.type === "get" ? "get-config" : "configure"
    return { asked: { ...base, action, options: form } }
  }
  if (child.name === "items" || child.name === "delete" || child.name === "retract") {
    return { asked: { ...base, action: child.name, itemId: item?.attributes.id } }
  }
  throw stanzaError("feature-not-implemented")
}

/** The form in `<publish-options/>` or `<configure/>`. */
function formIn(pubsub: XmlElement): Record<string, string> | undefined {
  const form = childElements(pubsub)
    .flatMap((child) => childElements(child, "x", namespaces.dataForm))
    .at(0)
  if (form === undefined) return undefined
  return Object.fromEntries(Object.entries(dataForm.read(form).fields).map(([name, values]) => [name, values[0] ?? ""]))
}

async function* eventsOf(
  node: string,
  listeners: Set<{ node: string; push(event: PepEvent): void }>,
  options: CallOptions = {},
): AsyncGenerator<PepEvent> {
  const waiting: PepEvent[] = []
  let wake = () => {}
  const listener = {
    node,
    push(event: PepEvent) {
      waiting.push(event)
      wake()
    },
  }
  options.signal?.addEventListener("abort", () => wake(), { once: true })
  listeners.add(listener)
  try {
    while (!options.signal?.aborted) {
      const event = waiting.shift()
      if (event !== undefined) yield event
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    listeners.delete(listener)
  }
}
