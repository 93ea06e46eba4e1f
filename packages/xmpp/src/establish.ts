// RFC 6120 §4–§6: TCP, TLS, login.
import { aborted, childElement, element, type FullJid, isAurochsError, type XmlElement } from "@aurochs/core"
import { namespaces, serializeXml } from "@aurochs/xml"
import { type BindOptions, bind, type Link } from "./bind.ts"
import { webSocketWire } from "./client-boundary.ts"
import { failure, failureOf, loginRefused, networkError, within } from "./errors.ts"
import { type Incoming, incoming } from "./incoming.ts"
import type { Settings } from "./options.ts"
import { type Service, servicesOf } from "./resolve.ts"
import type { StreamManagement } from "./stream-management.ts"
import { type TcpWire, tcpWire, type Wire } from "./wire.ts"

const TLS = "urn:ietf:params:xml:ns:xmpp-tls"

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
  // Before there is a connection: somebody may have to type it.
  const password = await passwordOf(settings)
  const services = await step("DNS", servicesOf(domain, settings.service))
  let last: unknown = networkError("dns", "the domain has no server")
  for (const service of services) {
    if (signal.aborted) throw aborted(signal)
    try {
      return await attempt(service, { settings, password, management, known, signal, step })
    } catch (error) {
      if (signal.aborted || failureOf(error).permanent) throw error
      last = error
    }
  }
  throw last
}

async function passwordOf({ password }: Settings): Promise<string> {
  try {
    return await password()
  } catch (error) {
    if (isAurochsError(error)) throw error
    // Without its cause, which may say too much.
    throw failure(loginRefused("the password could not be had"))
  }
}

interface Attempt extends BindOptions {
  readonly password: string
  readonly signal: AbortSignal
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

async function negotiate(elements: Incoming, opened: Opened, o: Attempt): Promise<Link> {
  const { password, step } = o
  const { stream } = elements
  const features = () =>
    elements.next((element) => element.name === "features" && element.namespace === namespaces.streams)
  // Where this machine need not prove itself by TLS, it is the server.
  if (opened.wire.secure || opened.loopback) elements.proved("server")
  await step("opening the stream", elements.unlessOver(stream.open()))
  let offered = await step("stream features", features())
  let wire = opened.wire
  if (opened.plain !== undefined) {
    const upgraded = await startTls(offered, elements, opened.plain, opened.loopback, o)
    if (upgraded !== undefined) {
      wire = upgraded
      elements.proved("server")
      await step("opening the stream over TLS", elements.unlessOver(stream.open()))
      offered = await step("stream features over TLS", features())
    }
  }
  const { secure } = wire
  if (!secure && !opened.loopback) throw noTls()
  // PLAIN shows the password to whoever is at the other end: the right server, or this machine.
  await step("the login", elements.unlessOver(stream.login(offered, ["SCRAM-SHA-1", "PLAIN"], password)))
  elements.proved("login")
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
