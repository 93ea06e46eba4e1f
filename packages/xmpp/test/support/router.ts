import { childElement, element, parseJid, type XmlElement } from "@aurochs/core"
import { iq, namespaces, pubsub } from "@aurochs/xml"
import { type Connection, type Script, stanzaNames } from "./scripted-server.ts"

/** Delivers between the connections of one server, and notifies an account's own sessions of what it publishes. */
export function router(connections: () => readonly Connection[]): Script {
  const bare = (jid: string) => jid.split("/")[0] ?? ""
  const isOnline = (connection: Connection) => connection.received.some(({ name }) => name === "presence")

  const deliver = (stanza: XmlElement, sender: Connection): boolean => {
    const to = stanza.attributes.to ?? ""
    const { local, domain, resource } = parseJid(to)
    if (local === undefined || domain !== "example.test") return false
    const addressed = { ...stanza, attributes: { ...stanza.attributes, from: sender.jid } }
    // Presence may still be on its way when somebody who knows the full JID writes to it.
    const all = connections().filter((one) =>
      resource === undefined ? isOnline(one) && bare(one.jid) === to : one.jid === to,
    )
    for (const one of all) one.send(addressed)
    if (all.length === 0 && stanza.name === "iq") sender.send(bounce(stanza))
    return true
  }

  const publish = (stanza: XmlElement, sender: Connection): boolean => {
    const pubsubElement = childElement(stanza, "pubsub", namespaces.pubsub)
    const published = pubsubElement && childElement(pubsubElement, "publish", namespaces.pubsub)
    const item = published && childElement(published, "item", namespaces.pubsub)
    const payload = item?.children.find((child): child is XmlElement => typeof child !== "string")
    const node = published?.attributes.node
    if (item === undefined || node === undefined) return false
    const account = bare(sender.jid)
    const items = element("items", namespaces.pubsubEvent, { node }, [
      element("item", namespaces.pubsubEvent, { ...item.attributes }, payload === undefined ? [] : [payload]),
    ])
    const event = element("event", namespaces.pubsubEvent, {}, [items])
    for (const one of connections().filter((other) => bare(other.jid) === account)) {
      one.send(element("message", namespaces.client, { from: account, to: one.jid, type: "headline" }, [event]))
    }
    sender.send(iq({ type: "result", id: stanza.attributes.id }, pubsub.createNode(node)))
    return true
  }

  return {
    onElement(stanza, connection) {
      if (!stanzaNames.includes(stanza.name) || connection.jid === "") return false
      const handled = stanza.attributes.to === undefined ? publish(stanza, connection) : deliver(stanza, connection)
      if (handled) connection.handled++
      return handled
    },
  }
}

function bounce(stanza: XmlElement): XmlElement {
  const error = element("error", namespaces.client, { type: "cancel" }, [
    element("service-unavailable", namespaces.stanzas),
  ])
  return iq({ type: "error", id: stanza.attributes.id, from: stanza.attributes.to }, error)
}
