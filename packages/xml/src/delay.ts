// XEP-0203 v2.0, Delayed Delivery. https://xmpp.org/extensions/xep-0203.html
import { element, textOf } from "@aurochs/core"
import { type Codec, expectElement } from "./codec.ts"
import { namespaces } from "./namespaces.ts"
import { formatDateTime, parseDateTime } from "./time.ts"

/** When a stanza was first sent, by whoever stamped it. */
export interface Delay {
  readonly stamp: Date
  /** Who stamped it; count it only if that is our own server. */
  readonly from?: string | undefined
  readonly reason?: string | undefined
}

/** `<delay/>`. */
export const delay: Codec<Delay> = {
  name: "delay",
  namespace: namespaces.delay,
  write: ({ stamp, from, reason }) =>
    element("delay", namespaces.delay, { stamp: formatDateTime(stamp), from }, reason ? [reason] : []),
  read(e) {
    expectElement(e, "delay", namespaces.delay)
    return { stamp: parseDateTime(e.attributes.stamp ?? ""), from: e.attributes.from, reason: textOf(e) || undefined }
  },
}
