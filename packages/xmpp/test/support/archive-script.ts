import { element, type XmlElement } from "@aurochs/core"
import { iq, namespaces } from "@aurochs/xml"
import { chat } from "./harness.ts"
import type { Connection, Script } from "./scripted-server.ts"

export const account: string = "alice@example.test"
const { mam, rsm } = namespaces

/** A message in an archive. */
export interface Archived {
  readonly id: string
  readonly stanza: XmlElement
  readonly stamp: string
}

export const minute = (at: number): string => `2026-01-01T00:${String(at).padStart(2, "0")}:00Z`
export const archived = (
  at: number,
  stanza = chat(account, `text ${at}`, { from: "bob@example.test/b" }),
): Archived => ({
  ...{ id: `id-${at}`, stanza, stamp: minute(at) },
})

export function queryOf(received: XmlElement): XmlElement | undefined {
  return received.children.find((child): child is XmlElement => typeof child !== "string" && child.namespace === mam)
}
function inside(parent: XmlElement | undefined, name: string): XmlElement | undefined {
  return parent?.children.find((child): child is XmlElement => typeof child !== "string" && child.name === name)
}
const text = (one: XmlElement | undefined) => one?.children.join("")

/** What a query asks for. */
function asked(received: XmlElement) {
  const query = queryOf(received)
  const set = inside(query, "set")
  const form = inside(query, "x")
  const fields = (form?.children ?? []).filter((child): child is XmlElement => typeof child !== "string")
  const start = text(
    inside(
      fields.find(({ attributes }) => attributes.var === "start"),
      "value",
    ),
  )
  return {
    queryid: query?.attributes.queryid,
    max: Number(text(inside(set, "max"))),
    after: text(inside(set, "after")),
    before: inside(set, "before") !== undefined,
    start,
  }
}

/** An archive that answers as XEP-0313 says, and notes what it was asked. */
export function archiveOf(items: Archived[], o: { page?: number; from?: string | undefined } = {}) {
  const queries: ReturnType<typeof asked>[] = []
  const script: Script = {
    onElement(received, connection) {
      if (received.name !== "iq" || queryOf(received) === undefined) return false
      connection.handled++
      const query = asked(received)
      queries.push(query)
      answer(connection, received, query)
      return true
    },
  }
  const answer = (connection: Connection, received: XmlElement, query: ReturnType<typeof asked>) => {
    const { id } = received.attributes
    const at = items.findIndex((one) => one.id === query.after)
    if (query.after !== undefined && at === -1) {
      const error = element("error", namespaces.client, { type: "cancel" }, [
        element("item-not-found", namespaces.stanzas),
      ])
      connection.send(iq({ type: "error", id }, error))
      return
    }
    const since = items.slice(at + 1).filter(({ stamp }) => query.start === undefined || stamp >= query.start)
    const max = Math.min(query.max, o.page ?? 100)
    const page = query.before ? since.slice(-max) : since.slice(0, max)
    for (const one of page) connection.send(resultMessage(one, query.queryid, "from" in o ? o.from : account))
    const complete = page.length === since.length
    const bounds =
      page.length === 0
        ? []
        : [element("first", rsm, {}, [page[0]?.id ?? ""]), element("last", rsm, {}, [page.at(-1)?.id ?? ""])]
    const fin = element("fin", mam, { complete: String(complete) }, [element("set", rsm, {}, bounds)])
    connection.send(iq({ type: "result", id }, fin))
  }
  return { script, queries, items }
}

function resultMessage(
  { id, stanza, stamp }: Archived,
  queryid: string | undefined,
  from: string | undefined,
): XmlElement {
  const forwarded = element("forwarded", namespaces.forward, {}, [
    element("delay", namespaces.delay, { stamp }),
    stanza,
  ])
  return element("message", namespaces.client, { from }, [element("result", mam, { queryid, id }, [forwarded])])
}

export function liveWithId(at: number): XmlElement {
  const { stanza, id } = archived(at)
  return { ...stanza, children: [...stanza.children, element("stanza-id", namespaces.stanzaId, { by: account, id })] }
}
