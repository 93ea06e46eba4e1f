// XEP-0059 v1.0, Result Set Management. https://xmpp.org/extensions/xep-0059.html
import { childElement, element, textOf, type XmlElement } from "@aurochs/core"
import { type Codec, expectElement, wholeNumber } from "./codec.ts"
import { namespaces } from "./namespaces.ts"

/** One page of a result set: asked for, or got. */
export interface ResultSet {
  readonly max?: number | undefined
  /** The page before this item; the empty string: the last page. */
  readonly before?: string | undefined
  readonly after?: string | undefined
  readonly first?: string | undefined
  readonly last?: string | undefined
  readonly count?: number | undefined
  /** Place of `first` in the whole. */
  readonly index?: number | undefined
}

const { rsm: ns } = namespaces

/** `<set xmlns='http://jabber.org/protocol/rsm'/>`. */
export const rsm: Codec<ResultSet> = {
  name: "set",
  namespace: ns,
  write({ max, before, after, first, last, count, index }) {
    const child = (name: string, value: string | number | undefined, attributes = {}): XmlElement[] =>
      value === undefined ? [] : [element(name, ns, attributes, value === "" ? [] : [String(value)])]
    const place = index === undefined ? {} : { index: String(index) }
    return element("set", ns, {}, [
      ...child("max", max),
      ...child("before", before),
      ...child("after", after),
      ...child("first", first, place),
      ...child("last", last),
      ...child("count", count),
    ])
  },
  read(e) {
    expectElement(e, "set", ns)
    const text = (name: string): string | undefined => {
      const child = childElement(e, name, ns)
      return child === undefined ? undefined : textOf(child)
    }
    return {
      max: wholeNumber(text("max")),
      before: text("before"),
      after: text("after"),
      first: text("first"),
      last: text("last"),
      count: wholeNumber(text("count")),
      index: wholeNumber(childElement(e, "first", ns)?.attributes.index),
    }
  },
}
