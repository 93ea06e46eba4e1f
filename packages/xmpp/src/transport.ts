import {
  type AurochsError,
  type CallOptions,
  childElements,
  cryptoRandom,
  type FullJid,
  isAurochsError,
  type PepEvent,
  parseJid,
  randomInteger,
  type Session,
  systemClock,
  type Transport,
  throwIfAborted,
  toBareJid,
  type XmlElement,
} from "@aurochs/core"
import { iq, namespaces, publicKeysNode } from "@aurochs/xml"
import { deliveries } from "./deliveries.ts"
import { features } from "./disco.ts"
import { connectionError, isPermanent, networkError } from "./errors.ts"
import { iqRequests } from "./iq.ts"
import type { XmppOptions } from "./options.ts"
import { type AsyncQueue, asyncQueue } from "./queue.ts"
import { servicesOf } from "./resolve.ts"
import { type LiveSession, type SessionWorld, startSession } from "./session.ts"
import { streamManagement } from "./stream-management.ts"

const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 120_000
const REQUEST_TIMEOUT_MS = 30_000

interface Handler {
  readonly namespace: string
  readonly name: string
  readonly handle: (iq: XmlElement) => Promise<XmlElement | undefined>
}

/**
 * A transport over @xmpp/client: TLS off loopback or nothing, a server that proves itself, acknowledged sending,
 * resumption, reconnection with back-off, archive catch-up, carbons, and no stanza whose origin was not checked.
 *
 * @throws {AurochsError} `BAD_DATA` (`jid`) for a malformed address; everything else is told by `sessions()`
 */
export function xmpp(options: XmppOptions): Transport {
  const { local, domain, resource } = parseJid(options.jid)
  const account = toBareJid(options.jid)
  const clock = options.clock ?? systemClock()
  const random = options.random ?? cryptoRandom()
  const onEvent = options.onEvent ?? (() => {})
  const lifetime = new AbortController()
  const subscribers = new Set<AsyncQueue<Session>>()
  const pepSubscribers = new Map<string, Set<AsyncQueue<PepEvent>>>()
  const handlers = new Set<Handler>()
  const inbox = deliveries(account, options.state)
  const requests = iqRequests({ random, clock })
  const management = streamManagement()
  let live: LiveSession | undefined
  let fatal: AurochsError | undefined
  let waiters: (() => void)[] = []
  let running: Promise<void> | undefined

  const announced = features(
    options.identity ?? { category: "client", type: "bot", name: "Aurochs" },
    options.features ?? [namespaces.openpgpIm, `${publicKeysNode}+notify`, namespaces.eme],
    () => live?.announcePresence(),
  )
  const world: SessionWorld = {
    account,
    management,
    requests,
    deliveries: inbox,
    features: announced,
    clock,
    random,
    keepaliveMs: options.keepaliveMs ?? 60_000,
    catchUpDays: options.catchUpDays ?? 0,
    subscriptions: options.subscriptions ?? "ignore",
    resource,
    signal: lifetime.signal,
    onEvent,
    async answerIq(request) {
      const [query] = childElements(request)
      for (const { namespace, name, handle } of [...handlers].reverse()) {
        if (query?.namespace !== namespace || query.name !== name) continue
        const answer = await handle(request)
        if (answer !== undefined) return answer
      }
      return undefined
    },
    onPep(node, from, item) {
      for (const queue of pepSubscribers.get(node) ?? []) queue.push({ from, item })
    },
  }

  const wakeAll = () => {
    const waiting = waiters
    waiters = []
    for (const wake of waiting) wake()
  }
  const end = (error: AurochsError | undefined) => {
    fatal = error ?? networkError("closed", "the transport was closed")
    for (const queue of subscribers) queue.end(error)
    for (const queues of pepSubscribers.values()) for (const queue of queues) queue.end()
    inbox.end()
    management.lost()
    requests.failAll(fatal)
    wakeAll()
  }

  /** One connection after another, until the transport is closed or it makes no sense any more. */
  const keepConnected = async () => {
    let self: FullJid | undefined
    let hadSession = false
    for (let failures = 0; !lifetime.signal.aborted; ) {
      let error: AurochsError
      try {
        live = await connectOnce(self)
        hadSession = true
        failures = 0
        self = live.self
        const { resumed, secure } = live
        onEvent({ kind: "online", resumed, secure })
        for (const queue of subscribers) queue.push({ self, resumed, secure })
        wakeAll()
        error = await live.closed
      } catch (cause) {
        error = connectionError(cause)
      }
      live = undefined
      if (lifetime.signal.aborted) return
      requests.failAll(networkError("closed", "the connection was lost"))
      onEvent({ kind: "offline", code: error.code, message: error.message })
      if (isPermanent(error, hadSession) || (!hadSession && options.firstConnection === "fail")) {
        end(error)
        return
      }
      // Whoever waits for a confirmation is told soon if the session cannot be resumed.
      const inMs = backOff(failures++)
      onEvent({ kind: "retrying", inMs })
      await clock.sleep(inMs, { signal: lifetime.signal }).catch(() => {})
    }
  }
  const backOff = (failures: number) => {
    const most = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS)
    return randomInteger(random, Math.floor(most / 2), most)
  }
  const connectOnce = async (self: FullJid | undefined): Promise<LiveSession> => {
    let error: unknown = networkError("dns", "the server's name cannot be found")
    for (const service of await servicesOf(domain, options.service)) {
      onEvent({ kind: "connecting", service })
      try {
        const password = typeof options.password === "function" ? await options.password() : options.password
        return await startSession(
          world,
          {
            service,
            domain,
            username: local ?? "",
            password,
            limits: options.limits ?? {},
            timeoutMs: options.loginTimeoutMs ?? 20_000,
            signal: lifetime.signal,
          },
          self,
        )
      } catch (cause) {
        error = cause
        if (isAurochsError(cause, "AUTHENTICATION")) break
      }
    }
    throw error
  }
  const begin = () => {
    running ??= keepConnected().catch((error: unknown) => end(connectionError(error)))
  }
  /** The session there is, or the next one. */
  const session = async (callOptions?: CallOptions): Promise<LiveSession> => {
    throwIfAborted(callOptions)
    begin()
    const signal = callOptions?.signal
    while (live === undefined) {
      if (fatal !== undefined) throw fatal
      await new Promise<void>((resolve) => {
        waiters.push(resolve)
        signal?.addEventListener("abort", () => resolve(), { once: true })
      })
      throwIfAborted(callOptions)
    }
    return live
  }

  const transport: Transport = {
    account,
    sessions(callOptions) {
      const queue: AsyncQueue<Session> = asyncQueue(() => subscribers.delete(queue))
      subscribers.add(queue)
      if (fatal !== undefined) queue.end(fatal)
      else if (live !== undefined) queue.push({ self: live.self, resumed: live.resumed, secure: live.secure })
      begin()
      return queue.values(callOptions)
    },
    async send(stanza, callOptions) {
      const current = await session(callOptions)
      await abortable(current.send(stanza), callOptions)
    },
    async request(request, callOptions) {
      const timeoutMs = callOptions?.timeoutMs ?? REQUEST_TIMEOUT_MS
      const signals = [AbortSignal.timeout(timeoutMs), ...(callOptions?.signal ? [callOptions.signal] : [])]
      let current: LiveSession
      try {
        current = await session({ signal: AbortSignal.any(signals) })
      } catch (error) {
        if (isAurochsError(error, "ABORTED") && callOptions?.signal?.aborted !== true) {
          throw networkError("timeout", "there is no connection")
        }
        throw error
      }
      return current.request(request, { timeoutMs, signal: callOptions?.signal })
    },
    messages(callOptions) {
      begin()
      return inbox.messages(callOptions)
    },
    events(node, callOptions) {
      begin()
      const queues = pepSubscribers.get(node) ?? new Set()
      pepSubscribers.set(node, queues)
      const feature = announced.add(`${node}+notify`)
      const queue: AsyncQueue<PepEvent> = asyncQueue(() => {
        queues.delete(queue)
        feature[Symbol.dispose]()
      })
      queues.add(queue)
      if (fatal !== undefined) queue.end()
      return queue.values(callOptions)
    },
    answer({ namespace, name }, handle) {
      const handler = { namespace, name, handle }
      handlers.add(handler)
      return { [Symbol.dispose]: () => void handlers.delete(handler) }
    },
    feature: (name) => announced.add(name),
    async [Symbol.asyncDispose]() {
      if (lifetime.signal.aborted) return
      lifetime.abort()
      await live?.close()
      await running
      await inbox.flush()
      end(undefined)
    },
  }
  for (const [namespace, name] of [
    [namespaces.discoInfo, "query"],
    [namespaces.discoItems, "query"],
  ] as const) {
    transport.answer({ namespace, name }, async (request) => {
      const [query] = childElements(request)
      const answer = query && announced.answer(query)
      return answer && iq({ type: "result" }, answer)
    })
  }
  transport.answer({ namespace: namespaces.ping, name: "ping" }, async () => iq({ type: "result" }))
  return transport
}

/** The stanza may have left already: the caller only stops waiting. */
async function abortable(work: Promise<void>, options: CallOptions | undefined): Promise<void> {
  const signal = options?.signal
  if (signal === undefined) return work
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => {
    try {
      throwIfAborted({ signal })
    } catch (error) {
      reject(error)
    }
  }
  signal.addEventListener("abort", onAbort, { once: true })
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener("abort", onAbort)
    work.catch(() => {})
  }
}
