import { childElement, childElements, element, type XmlElement } from "@aurochs/core"
import { dataForm, iq, namespaces } from "@aurochs/xml"

/** The PEP service of one account: one item for each node, as a server keeps them. */
export interface Pep {
  /** Answers a pubsub IQ; undefined if it is none. */
  answer(request: XmlElement, isOwner: boolean): XmlElement | undefined
  /** As another client of the account would. */
  put(node: string, payload: XmlElement): void
  remove(node: string): void
  readonly nodes: ReadonlyMap<string, Node>
}

interface Node {
  config: Record<string, string>
  item: XmlElement | undefined
}

/** @param onChange told of each node that changed */
export function createPep(onChange: (node: string) => void): Pep {
  const nodes = new Map<string, Node>()

  const publish = (name: string, item: XmlElement, options: Record<string, string>): XmlElement => {
    const node = nodes.get(name)
    const differs = Object.entries(options).some(([field, value]) => node && node.config[field] !== value)
    if (node !== undefined && differs) return failure("conflict", "cancel", "precondition-not-met")
    nodes.set(name, { config: node?.config ?? { "pubsub#access_model": "presence", ...options }, item })
    onChange(name)
    return iq({ type: "result" })
  }

  const answerOwner = (child: XmlElement): XmlElement => {
    const name = child.attributes.node ?? ""
    const node = nodes.get(name)
    if (node === undefined) return failure("item-not-found", "cancel")
    if (child.name === "delete") {
      nodes.delete(name)
      onChange(name)
      return iq({ type: "result" })
    }
    const form = childElement(child, "x", namespaces.dataForm)
    if (form !== undefined) {
      node.config = { ...node.config, ...fieldsOf(form) }
      return iq({ type: "result" })
    }
    const fields = Object.fromEntries(Object.entries(node.config).map(([field, value]) => [field, [value]]))
    const shown = dataForm.write({ type: "form", formType: namespaces.nodeConfig, fields })
    const configure = element("configure", namespaces.pubsubOwner, { node: name }, [shown])
    return iq({ type: "result" }, element("pubsub", namespaces.pubsubOwner, {}, [configure]))
  }

  const answerAnybody = (pubsub: XmlElement, isOwner: boolean): XmlElement => {
    const [child] = childElements(pubsub)
    const name = child?.attributes.node ?? ""
    const node = nodes.get(name)
    if (child?.name === "items") {
      if (node === undefined) return failure("item-not-found", "cancel")
      if (!isOwner && node.config["pubsub#access_model"] !== "open") return failure("forbidden", "auth")
      const items = element("items", namespaces.pubsub, { node: name }, node.item === undefined ? [] : [node.item])
      return iq({ type: "result" }, element("pubsub", namespaces.pubsub, {}, [items]))
    }
    if (!isOwner) return failure("forbidden", "auth")
    if (child?.name === "create") {
      if (node !== undefined) return failure("conflict", "cancel")
      nodes.set(name, { config: { "pubsub#access_model": "presence" }, item: undefined })
      return iq({ type: "result" })
    }
    const item = child && childElement(child, "item", namespaces.pubsub)
    if (child?.name !== "publish" || item === undefined) return failure("feature-not-implemented", "cancel")
    const options = childElement(pubsub, "publish-options", namespaces.pubsub)
    const form = options && childElement(options, "x", namespaces.dataForm)
    return publish(name, item, form === undefined ? {} : fieldsOf(form))
  }

  return {
    nodes,
    answer(request, isOwner) {
      const owner = childElement(request, "pubsub", namespaces.pubsubOwner)
      const [child] = owner === undefined ? [] : childElements(owner)
      if (child !== undefined) return isOwner ? answerOwner(child) : failure("forbidden", "auth")
      const pubsub = childElement(request, "pubsub", namespaces.pubsub)
      return pubsub && answerAnybody(pubsub, isOwner)
    },
    put(node, payload) {
      const item = element("item", namespaces.pubsub, { id: "1" }, [payload])
      nodes.set(node, { config: { "pubsub#access_model": "open" }, item })
      onChange(node)
    },
    remove(node) {
      nodes.delete(node)
      onChange(node)
    },
  }
}

/** The answer with a stanza error. */
export function failure(condition: string, type: string, application?: string): XmlElement {
  const inside = [element(condition, namespaces.stanzas)]
  if (application !== undefined) inside.push(element(application, namespaces.pubsubErrors))
  return iq({ type: "error" }, element("error", namespaces.client, { type }, inside))
}

function fieldsOf(form: XmlElement): Record<string, string> {
  const { fields } = dataForm.read(form)
  return Object.fromEntries(Object.entries(fields).map(([field, values]) => [field, values[0] ?? ""]))
}
