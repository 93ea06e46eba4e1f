// XEP-0030 v2.5.0 (service discovery), XEP-0115 v1.6.0 (entity capabilities).
import { createHash } from "node:crypto"
import { element, type XmlElement } from "@aurochs/core"
import { type DiscoInfo, discoInfo, discoItems, namespaces } from "@aurochs/xml"

/** What we are and can do. */
export interface Features {
  /** Announces until disposed. */
  add(name: string): Disposable
  info(): DiscoInfo
  /** `<c/>` for presence. */
  caps(): XmlElement
  /** Answers disco#info and disco#items of ourselves; undefined for another node. */
  answer(query: XmlElement): XmlElement | undefined
}

/** The node of our capabilities: who made the software (XEP-0115 §4). */
const SOFTWARE = "https://github.com/aurochs-ox/aurochs"

/** @param onChange the hash changed: presence must be sent again */
export function features(
  identity: DiscoInfo["identities"][number],
  initial: readonly string[],
  onChange: () => void,
): Features {
  const counted = new Map<string, number>()
  const own = [namespaces.discoInfo, namespaces.discoItems, namespaces.caps, namespaces.ping]
  for (const name of [...own, ...initial]) counted.set(name, 1)
  const info = (): DiscoInfo => ({ identities: [identity], features: [...counted.keys()].sort(), forms: [] })
  const result: Features = {
    add(name) {
      const before = counted.get(name) ?? 0
      counted.set(name, before + 1)
      if (before === 0) onChange()
      let active = true
      return {
        [Symbol.dispose]() {
          if (!active) return
          active = false
          const left = (counted.get(name) ?? 1) - 1
          if (left > 0) counted.set(name, left)
          else {
            counted.delete(name)
            onChange()
          }
        },
      }
    },
    info,
    caps: () => element("c", namespaces.caps, { hash: "sha-1", node: SOFTWARE, ver: capsVersion(info()) }),
    answer(query) {
      const { node } = query.attributes
      if (query.namespace === namespaces.discoItems)
        return node === undefined ? discoItems.write({ items: [] }) : undefined
      if (node !== undefined && node !== `${SOFTWARE}#${capsVersion(info())}`) return undefined
      return discoInfo.write({ ...info(), node })
    },
  }
  return result
}

/** The verification string (XEP-0115 §5.1) of an entity without forms. */
export function capsVersion({ identities, features }: DiscoInfo): string {
  const parts = [
    ...identities
      .map(({ category, type, lang, name }) => `${category}/${type}/${lang ?? ""}/${name ?? ""}`)
      .sort(byBytes),
    ...[...features].sort(byBytes),
  ]
  return createHash("sha1")
    .update(parts.map((part) => `${part}<`).join(""))
    .digest("base64")
}

/** RFC 4790 §9.3, i;octet. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
