// RFC 6120 §7 (resource binding), XEP-0198 §3 and §5 (enable, resume).
import {
  AurochsError,
  childElement,
  element,
  type FullJid,
  fullJid,
  isAurochsError,
  textOf,
  type XmlElement,
} from "@aurochs/core"
import { iq, namespaces, readStanzaError, serializeXml } from "@aurochs/xml"
import type { Connection } from "./client-boundary.ts"
import { networkError } from "./errors.ts"
import { enableRequest, type StreamManagement } from "./stream-management.ts"

const BIND = "urn:ietf:params:xml:ns:xmpp-bind"
const { streamManagement: sm } = namespaces

/** How the session stands after the negotiation. */
export interface Bound {
  readonly self: FullJid
  readonly resumed: boolean
  /** Stanzas of the resumed session that have to be sent again. */
  readonly again: readonly string[]
  /** Does the server acknowledge (XEP-0198)? */
  readonly managed: boolean
}

/**
 * Resumes the earlier session if there is one and the server still has it; else binds a resource and switches stream
 * management on. Nothing else is sent before `<enabled/>` (X5).
 *
 * @param reader gives the next element the server sends
 * @throws {AurochsError} `NETWORK`, `AUTHENTICATION`
 */
export async function bindOrResume(
  connection: Connection,
  management: StreamManagement,
  reader: () => Promise<XmlElement>,
  options: { readonly before?: FullJid | undefined; readonly resource?: string | undefined; readonly id: string },
): Promise<Bound> {
  const offered = childElement(connection.features, "sm", sm) !== undefined
  const resumption = offered && options.before !== undefined ? management.resumption() : undefined
  if (resumption !== undefined && options.before !== undefined) {
    await connection.write(serializeXml(resumption))
    const answer = await reader()
    if (answer.name === "resumed" && answer.namespace === sm) {
      return { self: options.before, resumed: true, again: management.resumed(answer.attributes.h), managed: true }
    }
    if (answer.name !== "failed") throw networkError("closed", "the server answered a resumption with something else")
    management.lost(answer.attributes.h)
  } else management.lost()
  const self = await bind(connection, reader, options)
  if (offered) {
    await connection.write(enableRequest)
    const answer = await reader()
    if (answer.name === "enabled" && answer.namespace === sm) {
      const { id, resume } = answer.attributes
      management.enabled(resume === "true" || resume === "1" ? id : undefined)
      return { self, resumed: false, again: [], managed: true }
    }
  }
  return { self, resumed: false, again: [], managed: false }
}

async function bind(
  connection: Connection,
  reader: () => Promise<XmlElement>,
  { resource, id }: { readonly resource?: string | undefined; readonly id: string },
): Promise<FullJid> {
  const wanted = resource === undefined ? [] : [element("resource", BIND, {}, [resource])]
  await connection.write(serializeXml(iq({ type: "set", id }, element("bind", BIND, {}, wanted))))
  const answer = await reader()
  const error = readStanzaError(answer)
  if (error !== undefined) {
    throw new AurochsError("STANZA_ERROR", `the server gives no resource: ${error.condition}`, {
      condition: error.condition,
      type: error.type,
    })
  }
  const bound = childElement(answer, "bind", BIND)
  const jid = bound && childElement(bound, "jid", BIND)
  try {
    if (answer.attributes.id === id && answer.attributes.type === "result" && jid !== undefined)
      return fullJid(textOf(jid).trim())
  } catch (cause) {
    if (!isAurochsError(cause, "BAD_DATA")) throw cause
  }
  throw networkError("closed", "the server gave no address")
}
