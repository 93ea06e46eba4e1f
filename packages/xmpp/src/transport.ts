import {
  type AnyAurochsError,
  type CallOptions,
  type FullJid,
  orAborted,
  type PepEvent,
  type Session,
  type Transport,
  throwIfAborted,
  type XmlElement,
} from "@aurochs/core"
import { answers as answersOf } from "./answers.ts"
import type { Link } from "./bind.ts"
import { discoFeatures } from "./disco.ts"
import { failureOf, networkError, within } from "./errors.ts"
import { establish } from "./establish.ts"
import { inboxOf } from "./inbox.ts"
import { iqRequests } from "./iq.ts"
import { archiveLedger } from "./ledger.ts"
import { settingsOf, type XmppOptions } from "./options.ts"
import { outboundOf } from "./outbound.ts"
import { type AsyncQueue, asyncQueue } from "./queue.ts"
import { backoff, sessionsOf } from "./session.ts"
import { streamManagement } from "./stream-management.ts"

const REQUEST_TIMEOUT_MS = 30_000
/** PEP notifications that wait for one consumer; beyond, the oldest go: each only says "look again". */
const MAX_EVENTS = 1_000

/**
 * A transport over @xmpp/client: TLS off loopback or nothing, a server that proves itself, acknowledged sending,
 * resumption, reconnection with back-off, archive catch-up, carbons, and no stanza whose origin was not checked.
 *
 * @throws {AurochsError} `BAD_DATA` (`jid`), `CONFIGURATION`; everything else is told by `sessions()`
 */
export function xmpp(options: XmppOptions): Transport {
  const settings = settingsOf(options)
  const { account, clock, random, emit } = settings
  const lifetime = new AbortController()
  const management = streamManagement()
  const requests = iqRequests({ random, clock })
  const ledger = archiveLedger(account, settings.state)
  const inbox = inboxOf(ledger)
  const outbound = outboundOf(settings, management, requests)
  const features = discoFeatures(settings.identity, settings.features, () => announceSoon())
  const answers = answersOf(account, features, (from) => emit({ kind: "dropped", why: "roster-push", from }))
  const sessionQueues = new Set<AsyncQueue<Session>>()
  const eventQueues = new Map<string, Set<AsyncQueue<PepEvent>>>()
  const sessions = sessionsOf({
    ...{ settings, management, requests, outbound, inbox, ledger, answers, features },
    publish(node, event) {
      for (const queue of eventQueues.get(node) ?? []) if (queue.size() < MAX_EVENTS) queue.push(event)
    },
  })
  let link: Link | undefined
  let ending: { readonly error: AnyAurochsError; readonly inOrder: boolean } | undefined
  const waiting: (() => void)[] = []
  let running: Promise<void> | undefined
  let announcing = false

  /** Several features at once are one presence. */
  function announceSoon(): void {
    if (announcing || link === undefined) return
    announcing = true
    queueMicrotask(() => {
      announcing = false
      if (link !== undefined) sessions.announce()
    })
  }
  const wakeAll = () => {
    for (const wake of waiting.splice(0)) wake()
  }
  const end = (error: AnyAurochsError, inOrder: boolean) => {
    if (ending !== undefined) return
    ending = { error, inOrder }
    forget(error)
    const told = inOrder ? undefined : error
    for (const queue of sessionQueues) queue.end(told)
    for (const queues of eventQueues.values()) for (const queue of queues) queue.end(told)
    inbox.end(told)
    wakeAll()
  }
  /** The session will not be resumed. */
  const forget = (error: AnyAurochsError) => {
    sessions.lost()
    management.lost()
    requests.failAll(error)
  }

  /** One connection after another, until the transport is disposed of or it makes no sense any more. */
  const stayConnected = async () => {
    let self: FullJid | undefined
    for (let failures = 0; !lifetime.signal.aborted; ) {
      let thrown: unknown
      try {
        await within(settings.stepTimeoutMs, clock, "the stored archive position", ledger.load())
        const next = await establish(settings, management, self, lifetime.signal)
        failures = 0
        if (!next.resumed) {
          sessions.lost()
          requests.failAll(networkError("closed", "the session was lost"))
        }
        self = next.self
        use(next)
        thrown = await next.over
      } catch (error) {
        thrown = error
      }
      link = undefined
      outbound.detach()
      if (lifetime.signal.aborted) return
      const { error, permanent, fatal } = failureOf(thrown)
      if (permanent || (settings.failFirst && self === undefined)) {
        emit({ kind: "failed", error })
        end(error, false)
        return
      }
      if (fatal || !management.resumable()) forget(error)
      const retryInMs = backoff(settings, failures++)
      emit({ kind: "disconnected", error, retryInMs })
      await clock.sleep(retryInMs, { signal: lifetime.signal }).catch(() => {})
    }
  }
  const use = (next: Link) => {
    link = next
    sessions.attach(next)
    const { self, resumed, secure, acknowledgements } = next
    emit({ kind: "connected", self, resumed, secure, acknowledgements })
    for (const queue of sessionQueues) queue.push({ self, resumed, secure })
    wakeAll()
  }
  const begin = () => {
    running ??= stayConnected().catch((error: unknown) => end(failureOf(error).error, false))
  }

  /** Resolves when there is a session. */
  const online = async (callOptions: CallOptions | undefined): Promise<void> => {
    begin()
    for (;;) {
      throwIfAborted(callOptions)
      if (ending !== undefined) throw ending.error
      if (link !== undefined) return
      await orAborted(new Promise<void>((resolve) => waiting.push(resolve)), callOptions)
    }
  }

  /** Sends that wait for a session, or for those before them. */
  let inLine = 0
  let lastTurn: Promise<void> = Promise.resolve()
  /** Resolves when there is a session and all sends before this one are written. @returns to be called when this one is */
  const turn = async (callOptions: CallOptions | undefined): Promise<() => void> => {
    const before = lastTurn
    const { promise, resolve } = Promise.withResolvers<void>()
    lastTurn = promise
    inLine += 1
    const over = () => {
      inLine -= 1
      resolve()
    }
    try {
      await orAborted(before, callOptions)
      await online(callOptions)
      return over
    } catch (error) {
      // Who gives up does not let those behind overtake those before.
      void before.then(over)
      throw error
    }
  }

  /** The text is written before this returns its promise. */
  const write = (stanza: XmlElement, written: (() => void) | undefined): Promise<void> => {
    try {
      return outbound.stanza(stanza)
    } finally {
      written?.()
    }
  }

  return {
    account,
    async *sessions(callOptions) {
      const queue: AsyncQueue<Session> = asyncQueue()
      sessionQueues.add(queue)
      if (ending !== undefined) queue.end(ending.inOrder ? undefined : ending.error)
      else if (link !== undefined) queue.push({ self: link.self, resumed: link.resumed, secure: link.secure })
      begin()
      try {
        yield* queue.values(callOptions)
      } finally {
        sessionQueues.delete(queue)
      }
    },
    async send(stanza, callOptions) {
      throwIfAborted(callOptions)
      const written = link !== undefined && inLine === 0 ? undefined : await turn(callOptions)
      await orAborted(write(stanza, written), callOptions)
    },
    async request(request, callOptions) {
      const timeoutMs = callOptions?.timeoutMs ?? REQUEST_TIMEOUT_MS
      const signal = callOptions?.signal
      await within(timeoutMs, clock, "there is no connection", online(callOptions))
      return await requests.request(request, outbound.stanza, { timeoutMs, signal })
    },
    async *messages(callOptions) {
      if (ending === undefined) begin()
      yield* inbox.messages(callOptions)
    },
    async *events(node, callOptions) {
      const queue: AsyncQueue<PepEvent> = asyncQueue()
      const queues = eventQueues.get(node) ?? new Set()
      eventQueues.set(node, queues.add(queue))
      if (ending !== undefined) queue.end(ending.inOrder ? undefined : ending.error)
      // Without it the server sends no notifications (XEP-0163 §4.3.2).
      const feature = features.add(`${node}+notify`)
      begin()
      try {
        yield* queue.values(callOptions)
      } finally {
        queues.delete(queue)
        feature[Symbol.dispose]()
      }
    },
    answer: (query, handler) => answers.add(query, handler),
    feature: (name) => features.add(name),
    async [Symbol.asyncDispose]() {
      if (lifetime.signal.aborted) return await running
      const current = link
      if (current?.acknowledgements) outbound.acknowledge()
      outbound.flush()
      const closing = current?.end()
      lifetime.abort()
      await closing
      await running
      end(networkError("closed", "the transport was closed"), true)
      await ledger.flush()
    },
  }
}
