// XEP-0313 v1.1.3, Message Archive Management. https://xmpp.org/extensions/xep-0313.html
import { childElement, element, type XmlElement } from "@aurochs/core"
import { onlyChild } from "./codec.ts"
import { dataForm } from "./data-form.ts"
import { type Forwarded, readForwarded } from "./forwarded.ts"
import { badXml } from "./limits.ts"
import { namespaces } from "./namespaces.ts"
import { type ResultSet, rsm } from "./rsm.ts"
import { formatDateTime } from "./time.ts"

const { mam: archive } = namespaces

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
  const set = childElement(fin, "set", namespaces.rsm)
  const { complete } = fin.attributes
  return { complete: complete === "true" || complete === "1", rsm: set === undefined ? {} : rsm.read(set) }
}

/** Message archive management (XEP-0313). */
export const mam: {
  readonly query: typeof query
  readonly readResult: typeof readResult
  readonly readFin: typeof readFin
} = { query, readResult, readFin }
