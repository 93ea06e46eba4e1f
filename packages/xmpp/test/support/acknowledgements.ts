import { element, type XmlElement } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { chat } from "./harness.ts"
import type { Connection, Script } from "./scripted-server.ts"

export const { streamManagement: SM } = namespaces
export const isMessage = ({ name }: XmlElement) => name === "message"
export const isManagement =
  (name: string) =>
  (received: XmlElement): boolean =>
    received.namespace === SM && received.name === name
export const live = (body: string, id = body) => chat("alice@example.test/r0", body, { from: "bob@example.test/b", id })

/** A server that acknowledges only as far as the test says. */
export function acknowledging(limit: () => number): Script {
  return {
    onElement(received, connection) {
      if (!isManagement("r")(received)) return false
      connection.send(element("a", SM, { h: String(Math.min(connection.handled, limit())) }))
      return true
    },
  }
}

/** Resumes every session that is asked for, with the count that the test says. */
export function resuming(h: (previous: Connection) => number, connections: () => readonly Connection[]): Script {
  return {
    onElement(received, connection) {
      if (!isManagement("resume")(received)) return false
      const previous = connections()[connection.number - 1] as Connection
      connection.jid = previous.jid
      connection.handled = h(previous)
      connection.send(element("resumed", SM, { previd: received.attributes.previd, h: String(connection.handled) }))
      return true
    },
  }
}
