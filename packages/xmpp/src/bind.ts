// RFC 6120 §7 (resource binding), XEP-0198 §3 and §5 (enabling, resuming).
import {
  AurochsError,
  childElement,
  element,
  type FullJid,
  fullJid,
  randomId,
  sameBareJid,
  textOf,
  type XmlElement,
} from "@aurochs/core"
import { iq, namespaces, readStanzaError, serializeXml } from "@aurochs/xml"
import { failure, networkError, within } from "./errors.ts"
import type { Incoming, LinkListener } from "./incoming.ts"
import type { Settings } from "./options.ts"
import type { StreamManagement } from "./stream-management.ts"

/** A bound stream. */
export interface Link {
  readonly self: FullJid
  readonly secure: boolean
  readonly resumed: boolean
  /** XEP-0198 is in force. */
  readonly acknowledgements: boolean
  /** Writes elements, each as text, in their order. */
  write(...elements: readonly string[]): Promise<void>
  /** Everything goes there from now on, first what has come already. */
  listen(listener: LinkListener): void
  /** Resolves with the reason when the connection is gone. */
  readonly over: Promise<unknown>
  /** Gives the connection up. */
  destroy(reason: unknown): void
  /** Ends the stream in order, then gives the connection up. */
  end(): Promise<void>
}

/** What binding needs. */
export interface BindOptions {
  readonly settings: Settings
  readonly management: StreamManagement
  /** The full JID of the session that may be resumed. */
  readonly known: FullJid | undefined
  /** Gives each step its time. */
  readonly step: <T>(name: string, work: Promise<T>) => Promise<T>
}

/** How long the server may take to say goodbye, too. */
const GOODBYE_MS = 1_000
const BIND = "urn:ietf:params:xml:ns:xmpp-bind"
const { streamManagement: SM } = namespaces

/**
 * Resumes the session, or binds a new one and switches stream management on. It is ready only then (X5).
 *
 * @param features those after the login
 * @throws {Error} see `failureOf`
 */
export async function bind(features: XmlElement, elements: Incoming, secure: boolean, o: BindOptions): Promise<Link> {
  const { settings, management, known, step } = o
  const { stream } = elements
  const send = (what: XmlElement) => stream.write(serializeXml(what))
  const link = (self: FullJid, facts: Pick<Link, "resumed" | "acknowledgements">): Link => ({
    self,
    secure,
    ...facts,
    write: stream.write,
    listen: elements.listen,
    over: elements.over,
    destroy: elements.destroy,
    async end() {
      await stream.end().catch(() => {})
      // Closing with something unread would have the system throw away what is not sent yet.
      await within(GOODBYE_MS, settings.clock, "the end of the stream", elements.over).catch(() => {})
      elements.destroy(networkError("closed", "the connection was closed"))
    },
  })
  const ofManagement = (element: XmlElement) =>
    element.namespace === SM && ["enabled", "resumed", "failed"].includes(element.name)
  const canManage = childElement(features, "sm", SM) !== undefined
  const resume = canManage && known !== undefined ? management.resumption() : undefined
  if (resume !== undefined && known !== undefined) {
    await send(resume)
    const answer = await step("resumption", elements.next(ofManagement))
    if (answer.name === "resumed" && answer.attributes.previd === resume.attributes.previd) {
      management.acknowledged(answer.attributes.h)
      return link(known, { resumed: true, acknowledgements: true })
    }
    management.lost(answer.attributes.h)
  } else management.lost()
  const self = await bindResource(elements, send, o)
  if (!canManage) return link(self, { resumed: false, acknowledgements: false })
  await send(element("enable", SM, { resume: "true" }))
  const answer = await step("stream management", elements.next(ofManagement))
  const acknowledgements = answer.name === "enabled"
  if (acknowledgements) {
    const { id, resume: resumable } = answer.attributes
    management.enabled(resumable === "true" || resumable === "1" ? id : undefined)
  }
  return link(self, { resumed: false, acknowledgements })
}

/** RFC 6120 §7. */
async function bindResource(
  elements: Incoming,
  send: (what: XmlElement) => Promise<void>,
  { settings, step }: BindOptions,
): Promise<FullJid> {
  const { account, resource, random } = settings
  const id = randomId(random)
  const wanted = resource === undefined ? [] : [element("resource", BIND, {}, [resource])]
  await send(iq({ type: "set", id }, element("bind", BIND, {}, wanted)))
  const answer = await step(
    "binding a resource",
    elements.next(
      ({ name, namespace, attributes }) => name === "iq" && namespace === namespaces.client && attributes.id === id,
    ),
  )
  const error = readStanzaError(answer)
  if (error !== undefined)
    throw failure(networkError("closed", `no resource could be bound: ${error.condition}`), { fatal: true })
  const bound = childElement(answer, "bind", BIND)
  const jid = bound === undefined ? undefined : childElement(bound, "jid", BIND)
  const self = fullJid(jid === undefined ? "" : textOf(jid).trim())
  if (!sameBareJid(self, account)) {
    const other = new AurochsError("CONFIGURATION", "the server gave the address of another account", { field: "jid" })
    throw failure(other, { permanent: true })
  }
  return self
}
