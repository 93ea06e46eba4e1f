// XEP-0297 v1.0 (forwarding), XEP-0280 v1.0.1 (carbons), XEP-0313 v1.1.3 (archive).
import { childElement, childElements, element, type XmlElement } from "@aurochs/core"
import { expectElement, onlyChild } from "./codec.ts"
import { dataForm } from "./data-form.ts"
import { delay } from "./delay.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"
import { type ResultSet, rsm } from "./rsm.ts"
import { formatDateTime } from "./time.ts"

const { mam: archive, carbons: carbonCopies } = namespaces

/** A stanza inside another one. Who wrapped it decides whether to believe any of it. */
export interface Forwarded {
  readonly stanza: XmlElement
  /** The wrapper's stamp. */
  readonly stamp?: Date | undefined
}

function readForwarded(parent: XmlElement): Forwarded {
  const forwarded = onlyChild(parent, "forwarded", namespaces.forward)
  const stanza = onlyChild(forwarded, "message", namespaces.client)
  const stamp = childElement(forwarded, "delay", namespaces.delay)
  return { stanza, stamp: stamp === undefined ? undefined : delay.read(stamp).stamp }
}

/** Asks for archived messages (XEP-0313 §4). */
function query(o: {
  readonly queryId: string
  readonly node?: string | undefined
  readonly with?: string | undefined
  readonly start?: Date | undefined
  readonly end?: Date | undefined
  readonly rsm: ResultSet
}): XmlElement {
  const fields = Object.entries({
    with: o.with,
    start: o.start && formatDateTime(o.start),
    end: o.end && formatDateTime(o.end),
  }).flatMap(([name, value]): [string, string[]][] => (value === undefined ? [] : [[name, [value]]]))
  const form = dataForm.write({ type: "submit", formType: archive, fields: Object.fromEntries(fields) })
  return element("query", archive, { queryid: o.queryId, node: o.node }, [form, rsm.write(o.rsm)])
}

/**
 * One archived message (XEP-0313 §4.2), if the message is one.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
function readResult(
  message: XmlElement,
): { readonly queryId: string | undefined; readonly id: string; readonly forwarded: Forwarded } | undefined {
  if (childElement(message, "result", archive) === undefined) return undefined
  const result = onlyChild(message, "result", archive)
  const { queryid, id } = result.attributes
  if (!id) throw badXml("an archive result without id")
  return { queryId: queryid, id, forwarded: readForwarded(result) }
}

/**
 * The end of a page (XEP-0313 §4.3).
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
function readFin(answer: XmlElement): { readonly complete: boolean; readonly rsm: ResultSet } {
  const fin = childElement(answer, "fin", archive)
  if (fin === undefined) throw badXml("an archive answer without <fin/>")
  expectElement(fin, "fin", archive)
  const set = childElement(fin, "set", namespaces.rsm)
  const { complete } = fin.attributes
  return { complete: complete === "true" || complete === "1", rsm: set === undefined ? {} : rsm.read(set) }
}

/** Asks the server for copies (XEP-0280 §4). */
function enable(): XmlElement {
  return element("enable", carbonCopies)
}

/**
 * The copy in a message (XEP-0280 §7), if it is one.
 *
 * @throws {AurochsError} `BAD_DATA` (`xml`)
 */
function readCarbon(
  message: XmlElement,
): { readonly direction: "sent" | "received"; readonly forwarded: Forwarded } | undefined {
  const copies = (["sent", "received"] as const).flatMap((direction) =>
    childElements(message, direction, carbonCopies).map((copy) => ({ direction, copy })),
  )
  const [first, ...more] = copies
  if (first === undefined) return undefined
  if (more.length > 0) throw badXml("a message with several copies")
  return { direction: first.direction, forwarded: readForwarded(first.copy) }
}

/** Message archive management (XEP-0313). */
export const mam: {
  readonly query: typeof query
  readonly readResult: typeof readResult
  readonly readFin: typeof readFin
} = { query, readResult, readFin }

/** Message carbons (XEP-0280). */
export const carbons: { readonly enable: typeof enable; readonly read: typeof readCarbon } = {
  enable,
  read: readCarbon,
}
