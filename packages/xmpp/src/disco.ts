// XEP-0030 v2.5.0 (service discovery), XEP-0115 v1.6.0 (entity capabilities).
import { createHash } from "node:crypto"
import { element, type XmlElement } from "@aurochs/core"
import { type DiscoInfo, discoInfo, discoItems, namespaces } from "@aurochs/xml"

/** What we are and can do. */
export interface Features {
  /** Announces until disposed; the same one twice is announced until both are. */
  add(name: string): Disposable
  /** Answers disco#info; undefined for a node we do not have. */
  info(query: XmlElement): XmlElement | undefined
  /** Answers disco#items: there are none. */
  items(query: XmlElement): XmlElement
  /** `<c/>` for presence. */
  caps(): XmlElement
}

/** The node of our capabilities: which software it is (XEP-0115 §4). */
const SOFTWARE = "https://github.com/aurochs-ox/aurochs"
/** What the transport implements itself. */
const OWN_FEATURES: readonly string[] = [namespaces.discoInfo, namespaces.discoItems, namespaces.caps, namespaces.ping]

/** @param onChange what is announced has changed: presence must be sent again */
export function discoFeatures(
  identity: DiscoInfo["identities"][number],
  initial: readonly string[],
  onChange: () => void,
): Features {
  const holders = new Map<string, number>()
  for (const name of new Set([...OWN_FEATURES, ...initial])) holders.set(name, 1)
  const self = (): DiscoInfo => ({ identities: [identity], features: [...holders.keys()].sort(byOctets), forms: [] })
  const hold = (name: string, change: 1 | -1) => {
    const before = holders.get(name) ?? 0
    if (before + change > 0) holders.set(name, before + change)
    else holders.delete(name)
    if (before === 0 || before + change === 0) onChange()
  }
  return {
    add(name) {
      hold(name, 1)
      let active = true
      return {
        [Symbol.dispose]() {
          if (active) hold(name, -1)
          active = false
        },
      }
    },
    info(query) {
      const { node } = query.attributes
      if (node !== undefined && node !== `${SOFTWARE}#${capsVersion(self())}`) return undefined
      return discoInfo.write({ ...self(), node })
    },
    items: (query) => discoItems.write({ node: query.attributes.node, items: [] }),
    caps: () => element("c", namespaces.caps, { hash: "sha-1", node: SOFTWARE, ver: capsVersion(self()) }),
  }
}

/** The verification string (XEP-0115 §5.1) of an entity without forms. */
export function capsVersion({ identities, features }: Pick<DiscoInfo, "identities" | "features">): string {
  const whoWeAre = identities.map(({ category, type, lang, name }) => `${category}/${type}/${lang ?? ""}/${name ?? ""}`)
  const parts = [...whoWeAre.sort(byOctets), ...[...features].sort(byOctets)]
  return createHash("sha1")
    .update(parts.map((part) => `${part}<`).join(""))
    .digest("base64")
}

/** i;octet (RFC 4790 §9.3). */
function byOctets(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
