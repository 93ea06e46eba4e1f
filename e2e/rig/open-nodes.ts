import { childElements, element } from "@aurochs/core"
import { discoItems, iq, namespaces, publicKeysNode, pubsub } from "@aurochs/xml"
import { xmpp } from "@aurochs/xmpp"
import { eventually } from "./processes.ts"
import type { Prosody } from "./prosody.ts"

/**
 * Opens an account's key nodes to everybody, as XEP-0373 §4.1 recommends. Profanity 0.13.1 publishes them without
 * options, and Prosody then shows them to contacts only.
 */
export async function openKeyNodes(prosody: Prosody, user: string): Promise<readonly string[]> {
  const jid = `${user}@${prosody.domain}`
  await using transport = xmpp({ jid, password: `pw-${user}`, service: prosody.service, firstConnection: "fail" })
  const nodes = await eventually("the key nodes are there", async () => {
    const answer = await transport.request(iq({ type: "get", to: jid }, element("query", namespaces.discoItems)))
    const [query] = childElements(answer)
    const found = (query ? discoItems.read(query).items : []).flatMap(({ node }) =>
      node?.startsWith(publicKeysNode) ? [node] : [],
    )
    return found.length >= 2 ? found : undefined
  })
  for (const node of nodes) {
    await transport.request(iq({ type: "set" }, pubsub.configure({ node, fields: { "pubsub#access_model": "open" } })))
  }
  return nodes
}
