// XEP-0373 v0.7.0 §3.1, OpenPGP content elements. https://xmpp.org/extensions/xep-0373.html#exchange
import { childElements, element, textOf, type XmlElement } from "@aurochs/core"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"
import { formatDateTime, parseDateTime } from "./time.ts"

const { openpgp, client } = namespaces

/** Which of the three content elements. */
export type ContentKind = "signcrypt" | "sign" | "crypt"

/** A content element: what is inside an OpenPGP message. */
export interface ContentElement {
  readonly kind: ContentKind
  /** The `jid` of each `<to/>`, as written. */
  readonly to: readonly string[]
  readonly time: Date
  /** Random padding; never shown to anybody. */
  readonly rpad?: string | undefined
  /** The child elements of `<payload/>`. */
  readonly payload: readonly XmlElement[]
  /** Children that XEP-0373 does not know: ignored, and named. */
  readonly unknown: readonly { readonly name: string; readonly namespace: string }[]
}

/** Codec of `<signcrypt/>`, `<sign/>` and `<crypt/>`. */
export const contentElement: {
  readonly namespace: string
  write(value: Omit<ContentElement, "unknown">): XmlElement
  read(e: XmlElement): ContentElement
} = {
  namespace: openpgp,
  /** Order to, time, rpad, payload: what every client reads. */
  write(value: Omit<ContentElement, "unknown">): XmlElement {
    const { kind, to, time, rpad, payload } = value
    if (to.length === 0 && kind !== "crypt") throw badXml(`<${kind}/> needs a recipient`)
    if (to.includes("")) throw badXml("a recipient without address")
    return element(kind, openpgp, {}, [
      ...to.map((jid) => element("to", openpgp, { jid })),
      element("time", openpgp, { stamp: formatDateTime(time) }),
      ...(rpad === undefined ? [] : [element("rpad", openpgp, {}, rpad === "" ? [] : [rpad])]),
      element("payload", openpgp, {}, payload),
    ])
  },
  /**
   * @throws {AurochsError} `BAD_DATA` (`xml`): not exactly one `<time/>` (R7) and `<payload/>` (R13), no `<to/>` (R8) or
   *   one without address, two `<rpad/>`, a time that is none (R11)
   */
  read(e: XmlElement): ContentElement {
    const kind = kindOf(e)
    const parts = partsOf(e)
    const to = parts.to.map(({ attributes }) => {
      if (!attributes.jid) throw badXml("a <to/> without jid")
      return attributes.jid
    })
    if (to.length === 0 && kind !== "crypt") throw badXml(`<${kind}/> without <to/>`)
    const time = only("time", parts.time)
    const [rpad, ...morePadding] = parts.rpad
    if (morePadding.length > 0) throw badXml("more than one <rpad/>")
    const payload = only("payload", parts.payload)
    return {
      kind,
      to,
      time: parseDateTime(time.attributes.stamp ?? ""),
      rpad: rpad === undefined ? undefined : textOf(rpad),
      payload: childElements(payload).map(withBodyNamespace),
      unknown: parts.unknown,
    }
  },
}

/** The children of a content element by what they are. */
interface Parts {
  readonly to: XmlElement[]
  readonly time: XmlElement[]
  readonly rpad: XmlElement[]
  readonly payload: XmlElement[]
  readonly unknown: { readonly name: string; readonly namespace: string }[]
}

function partsOf(e: XmlElement): Parts {
  const parts: Parts = { to: [], time: [], rpad: [], payload: [], unknown: [] }
  for (const child of e.children) {
    if (typeof child === "string") continue
    const { name, namespace } = child
    if (namespace === openpgp && (name === "to" || name === "time" || name === "rpad")) parts[name].push(child)
    // Fluux writes `<payload xmlns='jabber:client'>`. Two of them are two, whatever their namespaces.
    else if (name === "payload" && (namespace === openpgp || namespace === client)) parts.payload.push(child)
    else parts.unknown.push({ name, namespace })
  }
  return parts
}

function only(name: string, [element, ...more]: readonly XmlElement[]): XmlElement {
  if (element === undefined || more.length > 0) throw badXml(`exactly one <${name}/> is needed`)
  return element
}

function kindOf(e: XmlElement): ContentKind {
  const { name, namespace } = e
  if (namespace !== openpgp || (name !== "signcrypt" && name !== "sign" && name !== "crypt")) {
    throw badXml("a content element of XEP-0373 is expected")
  }
  return name
}

/** A `<body/>` without a namespace of its own stands in the payload's; it is meant as a body. */
function withBodyNamespace(child: XmlElement): XmlElement {
  return child.name === "body" && child.namespace === openpgp ? { ...child, namespace: client } : child
}
