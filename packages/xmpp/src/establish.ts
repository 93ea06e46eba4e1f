// RFC 6120 §4–§7: TCP, TLS, login, resource binding; XEP-0198 §3, §5: enabling and resuming.
import { aborted, childElement, element, type FullJid, fullJid, randomId, textOf, type XmlElement } from "@aurochs/core"
import { iq, namespaces, readStanzaError, serializeXml } from "@aurochs/xml"
import { type ClientStream, clientStream, webSocketWire } from "./client-boundary.ts"
import { failure, failureOf, networkError, streamError, within } from "./errors.ts"
import type { Settings } from "./options.ts"
import { type Service, servicesOf } from "./resolve.ts"
import type { StreamManagement } from "./stream-management.ts"
import { type TcpWire, tcpWire, type Wire } from "./wire.ts"

/** A bound stream. */
export interface Link {
  readonly self: FullJid
  readonly secure: boolean
  readonly resumed: boolean
  /** XEP-0198 is in force. */
  readonly acknowledgements: boolean
  write(text: string): Promise<void>
  /** Gets every element from now on, those first that have come already. `counted`: they came after `<enabled/>`. */
  listen(listener: (element: XmlElement, counted: boolean) => void): void
  /** Resolves with the reason when the connection is gone. */
  readonly over: Promise<unknown>
  /** Gives the connection up. */
  destroy(reason: unknown): void
  /** Ends the stream in order, then gives the connection up. */
  end(): Promise<void>
}

const TLS = "urn:ietf:params:xml:ns:xmpp-tls"
const BIND = "urn:ietf:params:xml:ns:xmpp-bind"
const { streams, streamManagement: SM } = namespaces

/**
 * Connects, logs in, and resumes the session or binds a new one. Each step has its own time (X6).
 *
 * @param known the full JID of the session that may be resumed
 * @throws {Error} see `failureOf`
 */
export async function establish(
  settings: Settings,
  management: StreamManagement,
  known: FullJid | undefined,
  signal: AbortSignal,
): Promise<Link> {
  const { clock, stepTimeoutMs, domain } = settings
  const step = <T>(name: string, work: Promise<T>) => within(stepTimeoutMs, clock, name, work)
  const services = await step("DNS", servicesOf(domain, settings.service))
  let last: unknown = networkError("dns", "the domain has no server")
  for (const service of services) {
    if (signal.aborted) throw aborted(signal)
    try {
      return await attempt(service, { settings, management, known, signal, step })
    } catch (error) {
      if (signal.aborted || failureOf(error).permanent) throw error
      last = error
    }
  }
  throw last
}

interface Attempt {
  readonly settings: Settings
  readonly management: StreamManagement
  readonly known: FullJid | undefined
  readonly signal: AbortSignal
  readonly step: <T>(name: string, work: Promise<T>) => Promise<T>
}

async function attempt(service: Service, o: Attempt): Promise<Link> {
  const { settings, signal, step } = o
  const giveUp = new AbortController()
  const either = AbortSignal.any([signal, giveUp.signal])
  try {
    const opened = await step("connecting", dial(service, settings, either))
    const elements = incoming(settings, opened.wire, service.kind)
    const onAbort = () => elements.destroy(aborted(signal))
    signal.addEventListener("abort", onAbort, { once: true })
    try {
      return await negotiate(elements, opened, o)
    } catch (error) {
      elements.destroy(error)
      throw error
    } finally {
      signal.removeEventListener("abort", onAbort)
    }
  } catch (error) {
    giveUp.abort()
    throw signal.aborted ? aborted(signal) : error
  }
}

interface Opened {
  readonly wire: Wire
  /** Present as long as STARTTLS is still to come. */
  readonly plain: TcpWire | undefined
  /** An unencrypted stream would be acceptable. */
  readonly loopback: boolean
}

async function dial(service: Service, settings: Settings, signal: AbortSignal): Promise<Opened> {
  if (service.kind === "websocket") {
    const loopback = service.loopback && !settings.tlsOnLoopback
    if (!service.secure && !loopback) throw noTls()
    const wire = await webSocketWire(service.url, { signal })
    return { wire: Object.assign(wire, { secure: service.secure }), plain: undefined, loopback }
  }
  const wire = await tcpWire(service.host, service.port, { signal })
  const loopback = wire.loopback && !settings.tlsOnLoopback
  if (!service.directTls) return { wire, plain: wire, loopback }
  const { domain, ca } = settings
  return { wire: await wire.upgrade({ domain, ca, strict: !loopback, signal }), plain: undefined, loopback }
}

function noTls(): Error {
  return failure(networkError("tls", "the connection would not be encrypted: nothing was sent"), { permanent: true })
}

/** The stream's elements, taken one by one while the session is made, pushed to a listener afterwards. */
interface Incoming {
  readonly stream: ClientStream
  /** As `work`, or rejected as soon as the stream is over. */
  unlessOver<T>(work: Promise<T>): Promise<T>
  /** The next element that fits; others before it wait for the listener. */
  next(fits: (element: XmlElement) => boolean): Promise<XmlElement>
  readonly early: XmlElement[]
  readonly queued: XmlElement[]
  listen(listener: (element: XmlElement, counted: boolean) => void): void
  readonly over: Promise<unknown>
  destroy(reason: unknown): void
}

function incoming(settings: Settings, wire: Wire, kind: "tcp" | "websocket"): Incoming {
  const { domain, username, limits } = settings
  const over = Promise.withResolvers<unknown>()
  let reason: unknown
  const failed = over.promise.then((why) => Promise.reject(why))
  failed.catch(() => {})
  const early: XmlElement[] = []
  const queued: XmlElement[] = []
  let listener: ((element: XmlElement, counted: boolean) => void) | undefined
  let wake = () => {}
  const finish = (why: unknown) => {
    reason ??= why
    stream.destroy()
    over.resolve(reason)
    wake()
  }
  const stream = clientStream({ domain, username, limits }, wire, kind, {
    element(element) {
      if (element.name === "error" && element.namespace === streams) finish(streamError(element))
      else if (listener !== undefined) listener(element, true)
      else {
        queued.push(element)
        wake()
      }
    },
    over: finish,
  })
  return {
    stream,
    early,
    queued,
    over: over.promise,
    destroy: finish,
    unlessOver: (work) => Promise.race([work, failed]),
    async next(fits) {
      for (;;) {
        const element = queued.shift()
        if (element !== undefined && fits(element)) return element
        if (element !== undefined) early.push(element)
        else if (reason !== undefined) throw reason
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    listen(next) {
      for (const element of early.splice(0)) next(element, false)
      for (const element of queued.splice(0)) next(element, true)
      listener = next
    },
  }
}

async function negotiate(elements: Incoming, opened: Opened, o: Attempt): Promise<Link> {
  const { settings, step } = o
  const { stream } = elements
  const features = () => elements.next((element) => element.name === "features" && element.namespace === streams)
  await step("opening the stream", elements.unlessOver(stream.open()))
  let offered = await step("stream features", features())
  let wire = opened.wire
  if (opened.plain !== undefined) {
    const upgraded = await startTls(offered, elements, opened.plain, opened.loopback, o)
    if (upgraded !== undefined) {
      wire = upgraded
      await step("opening the stream over TLS", elements.unlessOver(stream.open()))
      offered = await step("stream features over TLS", features())
    }
  }
  const { secure } = wire
  if (!secure && !opened.loopback) throw noTls()
  const password = await step("the password", Promise.resolve(settings.password()))
  // PLAIN shows the password to whoever is at the other end: the right server, or this machine.
  await step("the login", elements.unlessOver(stream.login(offered, ["SCRAM-SHA-1", "PLAIN"], password)))
  offered = await step("stream features after the login", features())
  return await bind(offered, elements, secure, o)
}

/** STARTTLS (RFC 6120 §5). Undefined: none, which only loopback may do. */
async function startTls(
  features: XmlElement,
  elements: Incoming,
  plain: TcpWire,
  loopback: boolean,
  { settings, step, signal }: Attempt,
): Promise<Wire | undefined> {
  if (childElement(features, "starttls", TLS) === undefined) {
    if (loopback) return undefined
    throw noTls()
  }
  await elements.stream.write(serializeXml(element("starttls", TLS)))
  const answer = await step(
    "STARTTLS",
    elements.next(({ namespace }) => namespace === TLS),
  )
  if (answer.name !== "proceed") throw failure(networkError("tls", "the server refused STARTTLS"), { permanent: true })
  const { domain, ca } = settings
  const wire = await step("TLS", plain.upgrade({ domain, ca, strict: !loopback, signal }))
  // What an attacker put behind <proceed/> in the clear must not be read as if TLS had protected it.
  elements.early.length = 0
  elements.queued.length = 0
  elements.stream.replaceWire(wire)
  return wire
}

async function bind(features: XmlElement, elements: Incoming, secure: boolean, o: Attempt): Promise<Link> {
  const { management, known, step } = o
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
  { settings, step }: Attempt,
): Promise<FullJid> {
  const { resource, random } = settings
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
  return fullJid(jid === undefined ? "" : textOf(jid))
}
