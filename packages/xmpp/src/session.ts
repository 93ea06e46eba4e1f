import {
  type AurochsError,
  type BareJid,
  type Clock,
  childElements,
  element,
  type FullJid,
  isAurochsError,
  type Random,
  randomId,
  sameBareJid,
  type XmlElement,
} from "@aurochs/core"
import { carbons, iq, namespaces, serializeXml } from "@aurochs/xml"
import { bindOrResume } from "./bind.ts"
import { catchUp, type OpenQuery } from "./catch-up.ts"
import { type Connection, type LoginOptions, login } from "./client-boundary.ts"
import type { Deliveries } from "./deliveries.ts"
import type { Features } from "./disco.ts"
import { connectionError, networkError } from "./errors.ts"
import type { Requests } from "./iq.ts"
import type { TransportEvent } from "./options.ts"
import { routeMessage } from "./origin.ts"
import { asyncQueue } from "./queue.ts"
import { ackRequest, type Inbound, type StreamManagement } from "./stream-management.ts"

/** What all connections of one transport share. */
export interface SessionWorld {
  readonly account: BareJid
  readonly management: StreamManagement
  readonly requests: Requests
  readonly deliveries: Deliveries
  readonly features: Features
  readonly clock: Clock
  readonly random: Random
  readonly keepaliveMs: number
  readonly catchUpDays: number
  readonly subscriptions: "accept" | "ignore"
  readonly resource: string | undefined
  /** Aborted when the transport is closed. */
  readonly signal: AbortSignal
  /** Answers an IQ request; undefined if nobody wants it. */
  answerIq(iq: XmlElement): Promise<XmlElement | undefined>
  onPep(node: string, from: BareJid, item: XmlElement | undefined): void
  onEvent(event: TransportEvent): void
}

/** One connection that is ready for use. */
export interface LiveSession {
  readonly self: FullJid
  readonly resumed: boolean
  readonly secure: boolean
  /** Resolves when the server has the stanza. */
  send(stanza: XmlElement): Promise<void>
  request(
    iq: XmlElement,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<XmlElement>
  announcePresence(): void
  readonly closed: Promise<AurochsError>
  close(): Promise<void>
}

/** Requests of our own at the start of a session. */
const SETUP_TIMEOUT_MS = 30_000

/**
 * Logs in, resumes or binds, and makes the session ready: carbons, presence with capabilities, archive.
 *
 * @throws {AurochsError} `NETWORK`, `AUTHENTICATION`, `STANZA_ERROR`, `ABORTED`
 */
export async function startSession(
  world: SessionWorld,
  options: LoginOptions,
  before: FullJid | undefined,
): Promise<LiveSession> {
  const connection = await login(options)
  try {
    return await negotiate(world, connection, before, options)
  } catch (error) {
    connection.destroy(connectionError(error))
    throw error
  }
}

async function negotiate(
  world: SessionWorld,
  connection: Connection,
  before: FullJid | undefined,
  options: LoginOptions,
): Promise<LiveSession> {
  const { account, management, requests, deliveries, features, clock, random } = world
  const early = asyncQueue<XmlElement>()
  const reading = early.values()
  void connection.closed.then((error) => early.end(error))
  connection.listen((incoming) => early.push(incoming))
  const timer = setTimeout(
    () => connection.destroy(networkError("timeout", "the server does not answer")),
    options.timeoutMs,
  )
  const reader = async (): Promise<XmlElement> => {
    const next = await reading.next()
    if (next.done) throw networkError("closed", "the connection was lost")
    return next.value
  }
  const bound = await bindOrResume(connection, management, reader, {
    before,
    resource: world.resource,
    id: randomId(random),
  }).finally(() => clearTimeout(timer))
  const { self, managed } = bound
  let lastHeard = clock.now().getTime()
  let openQuery: OpenQuery | undefined
  let ackWanted = false

  const write = (text: string) => {
    connection.write(text).catch((error: unknown) => connection.destroy(connectionError(error)))
  }
  /** One `<r/>` for all that is written in one turn of the event loop. */
  const wantAck = () => {
    if (ackWanted || !managed) return
    ackWanted = true
    setImmediate(() => {
      ackWanted = false
      write(ackRequest)
    })
  }
  const sendStanza = async (stanza: XmlElement): Promise<void> => {
    const text = serializeXml(stanza)
    if (!managed) {
      await connection.write(text)
      return
    }
    const confirmed = management.outgoing(text)
    write(text)
    wantAck()
    await confirmed
  }
  /** For what needs no confirmation of its own. */
  const post = (stanza: XmlElement) => void sendStanza(stanza).catch(() => {})

  const onStanza = (stanza: XmlElement, inbound: Inbound | undefined) => {
    if (stanza.name === "message") onMessage(stanza, inbound)
    else if (stanza.name === "iq") {
      inbound?.done()
      if (!requests.answered(stanza, { account, full: self })) void answer(stanza)
    } else {
      inbound?.done()
      onPresence(stanza)
    }
  }
  const onMessage = (stanza: XmlElement, inbound: Inbound | undefined) => {
    const routed = routeMessage(stanza, account, openQuery?.id)
    if (routed.kind === "message") {
      // An archive result is kept by the cursor, not by the stream's count.
      if (routed.via === "mam") inbound?.done()
      if (routed.via !== "mam") deliveries.deliver(routed, inbound)
      else if (openQuery?.deliver) deliveries.deliver(routed, undefined)
      return
    }
    inbound?.done()
    if (routed.kind === "pep") world.onPep(routed.node, routed.from, routed.item)
    else world.onEvent({ kind: "dropped", why: routed.why })
  }
  const onPresence = (stanza: XmlElement) => {
    const { type, from } = stanza.attributes
    if (type === "subscribe" && from !== undefined && world.subscriptions === "accept") {
      post(element("presence", namespaces.client, { type: "subscribed", to: from }))
    }
  }
  const answer = async (request: XmlElement) => {
    const { type, id, from } = request.attributes
    if ((type !== "get" && type !== "set") || id === undefined) return
    const result = await answerOrError(world, request)
    post({ ...result, attributes: { ...result.attributes, id, ...(from === undefined ? {} : { to: from }) } })
  }
  const onElement = (incoming: XmlElement) => {
    lastHeard = clock.now().getTime()
    try {
      if (incoming.namespace === namespaces.streamManagement) onNonza(incoming)
      else if (incoming.namespace === namespaces.streams && incoming.name === "error") {
        const condition = childElements(incoming)[0]?.name ?? "undefined-condition"
        connection.destroy(networkError("closed", `the server closed the stream (${condition})`))
      } else if (["message", "iq", "presence"].includes(incoming.name)) {
        const inbound = managed ? management.incoming() : { done: () => {} }
        if (inbound !== undefined) onStanza(incoming, inbound)
      }
    } catch (error) {
      connection.destroy(connectionError(error))
    }
  }
  const onNonza = (incoming: XmlElement) => {
    if (incoming.name === "a") management.acknowledged(incoming.attributes.h)
    else if (incoming.name === "r" && managed) write(serializeXml(management.answer()))
  }
  const live: LiveSession = {
    self,
    resumed: bound.resumed,
    secure: connection.secure,
    closed: connection.closed,
    async send(stanza) {
      await sendStanza(stanza)
      // Without XEP-0198 an answered ping says that what went before it has arrived.
      if (!managed)
        await live.request(iq({ type: "get" }, element("ping", namespaces.ping)), { timeoutMs: SETUP_TIMEOUT_MS })
    },
    request: (request, callOptions) => requests.request(request, sendStanza, callOptions),
    announcePresence: () => post(element("presence", namespaces.client, {}, [features.caps()])),
    async close() {
      if (managed) write(serializeXml(management.answer()))
      await connection.close()
    },
  }
  // From here on elements go their ordinary way; first those that came with the answer to the negotiation.
  if (!bound.resumed) deliveries.holdLive()
  connection.listen(onElement)
  early.end()
  for await (const element of reading) onElement(element)
  for (const text of bound.again) write(text)
  if (bound.again.length > 0) wantAck()
  if (!bound.resumed)
    void prepare(world, live, (query) => {
      openQuery = query
    })
  watch(
    world,
    live,
    connection,
    () => lastHeard,
    () => (managed ? write(ackRequest) : undefined),
  )
  return live
}

/** Carbons, presence, archive: what a new session needs. A server without one of them is no failure. */
async function prepare(
  world: SessionWorld,
  live: LiveSession,
  setOpenQuery: (query: OpenQuery | undefined) => void,
): Promise<void> {
  const { deliveries, clock, random } = world
  const request = (stanza: XmlElement) => live.request(stanza, { timeoutMs: SETUP_TIMEOUT_MS })
  live.announcePresence()
  try {
    await request(iq({ type: "set" }, carbons.enable())).catch(ignoreRefusal)
    await catchUp({ deliveries, request, setOpenQuery, days: world.catchUpDays, clock, random })
  } catch (error) {
    const message = error instanceof Error ? error.message : "unknown"
    if (!isAurochsError(error, "STANZA_ERROR") && !world.signal.aborted)
      world.onEvent({ kind: "catch-up-failed", message })
  } finally {
    deliveries.releaseLive()
  }
}

function ignoreRefusal(error: unknown): void {
  if (!isAurochsError(error, "STANZA_ERROR")) throw error
}

async function answerOrError(world: SessionWorld, request: XmlElement): Promise<XmlElement> {
  const refusal = (condition: string) =>
    iq(
      { type: "error" },
      element("error", namespaces.client, { type: "cancel" }, [element(condition, namespaces.stanzas)]),
    )
  const [query] = childElements(request)
  if (query?.namespace === namespaces.roster && request.attributes.type === "set") {
    // RFC 6121 §2.1.6: a push counts only from one's own account (A14).
    const { from } = request.attributes
    return from === undefined || sameBareJid(from, world.account)
      ? iq({ type: "result" })
      : refusal("service-unavailable")
  }
  try {
    return (await world.answerIq(request)) ?? refusal("service-unavailable")
  } catch {
    return refusal("internal-server-error")
  }
}

/** A connection that is silent for too long is asked, then given up (X6). */
function watch(
  world: SessionWorld,
  live: LiveSession,
  connection: Connection,
  lastHeard: () => number,
  ask: () => void,
): void {
  const { keepaliveMs, clock } = world
  const timer = setInterval(
    () => {
      const silentMs = clock.now().getTime() - lastHeard()
      if (silentMs > 2 * keepaliveMs) connection.destroy(networkError("timeout", "the server fell silent"))
      else if (silentMs > keepaliveMs) ask()
    },
    Math.max(50, keepaliveMs / 2),
  )
  timer.unref()
  void live.closed.then(() => clearInterval(timer))
}
