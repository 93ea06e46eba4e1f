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
    const { to, time, rpad, payload, unknown } = partsOf(e)
    const jids = to.map(({ attributes }) => {
      if (!attributes.jid) throw badXml("a <to/> without jid")
      return attributes.jid
    })
    if (jids.length === 0 && kind !== "crypt") throw badXml(`<${kind}/> without <to/>`)
    if (time === undefined || time === "several") throw badXml("exactly one <time/> is needed")
    if (rpad === "several") throw badXml("more than one <rpad/>")
    if (payload === undefined || payload === "several") throw badXml("exactly one <payload/> is needed")
    return {
      kind,
      to: jids,
      time: parseDateTime(time.attributes.stamp ?? ""),
      rpad: rpad === undefined ? undefined : textOf(rpad),
      payload: childElements(payload).map(withBodyNamespace),
      unknown,
    }
  },
}

/** Of a child that may stand there once: it, or that it does not, or that it does not stand there alone. */
type One = XmlElement | "several" | undefined

/** The children of a content element by what they are. */
interface Parts {
  readonly to: XmlElement[]
  time: One
  rpad: One
  payload: One
  readonly unknown: { readonly name: string; readonly namespace: string }[]
}

function partsOf(e: XmlElement): Parts {
  const parts: Parts = { to: [], time: undefined, rpad: undefined, payload: undefined, unknown: [] }
  for (const child of e.children) {
    if (typeof child === "string") continue
    const { name, namespace } = child
    if (name === "to" && namespace === openpgp) parts.to.push(child)
    else if ((name === "time" || name === "rpad") && namespace === openpgp) parts[name] = another(parts[name], child)
    // Fluux writes `<payload xmlns='jabber:client'>`. Two of them are two, whatever their namespaces.
    else if (name === "payload" && (namespace === openpgp || namespace === client))
      parts.payload = another(parts.payload, child)
    else parts.unknown.push({ name, namespace })
  }
  return parts
}

function another(before: One, child: XmlElement): One {
  return before === undefined ? child : "several"
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
