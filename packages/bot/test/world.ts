import {
  AurochsError,
  aborted,
  type BareJid,
  bareJid,
  type CallOptions,
  childElement,
  childElements,
  type Delivery,
  element,
  type PepEvent,
  type Session,
  sameBareJid,
  type Transport,
  throwIfAborted,
  toBareJid,
  type Via,
  type XmlElement,
} from "@aurochs/core"
import { iq, namespaces, readStanzaError, serializeXml } from "@aurochs/xml"
import { createPep, failure, type Pep } from "./pep.ts"
import { createQueue, type Queue } from "./queue.ts"

/** An XMPP server in memory: accounts with PEP, carbons and an archive of what nobody was there to receive. */
export interface World {
  /** A connection; the account is made with the first one. */
  connect(jid: string): Client
  account(jid: string): Account
  /** Every stanza that a client sent, with its sender. */
  readonly sent: XmlElement[]
  /** Every IQ that asks for something, with its sender and addressee. */
  readonly requests: { readonly from: BareJid; readonly to: BareJid; readonly request: XmlElement }[]
  /** What a server does with a message before it goes on; by default nothing. */
  onMessage: (stanza: XmlElement) => "pass" | "lose-connection" | { readonly bounce: string; readonly type: string }
  /** Everything that passed, as text. */
  wire(): string
}

/** What the server keeps for one account. */
export interface Account {
  readonly jid: BareJid
  readonly pep: Pep
  /** The network to this account's clients. */
  isAway: boolean
  setAway(away: boolean): void
  /** Puts a delivery into the clients' streams as it is, as if the server were hostile. */
  deliver(stanza: XmlElement, via?: Via, stampedAt?: Date): void
}

/** A transport of the world. */
export interface Client extends Transport {
  readonly resource: string
  readonly features: ReadonlySet<string>
}

interface Inside extends Account {
  readonly clients: Set<Connection>
  /** Delivered, and not kept: delivered again to the next connection. */
  readonly unkept: Set<{ stanza: XmlElement; stampedAt: Date }>
}

interface Connection {
  readonly full: string
  readonly features: Map<string, number>
  readonly inbox: Queue<Delivery>
  readonly events: Map<string, Set<Queue<PepEvent>>>
  readonly handlers: { namespace: string; name: string; handle: (iq: XmlElement) => Promise<XmlElement | undefined> }[]
  isOnline: boolean
  online(): void
  offline(): void
}

/** An empty world. */
export function createWorld(): World {
  const accounts = new Map<string, Inside>()
  const sent: XmlElement[] = []
  const requests: World["requests"] = []
  let counter = 0

  const accountOf = (text: string): Inside => {
    const jid = bareJid(text)
    const there = accounts.get(jid)
    if (there !== undefined) return there
    const made: Inside = {
      jid,
      pep: createPep((node) => notify(jid, node)),
      isAway: false,
      clients: new Set(),
      unkept: new Set(),
      setAway(away) {
        made.isAway = away
        for (const client of made.clients) away ? client.offline() : client.online()
      },
      deliver(stanza, via = "live", stampedAt) {
        for (const client of online(made)) hand(made, client, stanza, via, stampedAt)
      },
    }
    accounts.set(jid, made)
    return made
  }

  const online = (account: Inside) => [...account.clients].filter((client) => client.isOnline)

  const notify = (from: BareJid, name: string) => {
    const node = accountOf(from).pep.nodes.get(name)
    const event = node?.config["pubsub#deliver_payloads"] === "false" ? { from } : { from, item: node?.item }
    for (const account of accounts.values()) {
      for (const client of online(account)) for (const queue of client.events.get(name) ?? []) queue.push(event)
    }
  }

  const hand = (account: Inside, client: Connection, stanza: XmlElement, via: Via, stampedAt?: Date) => {
    const entry = { stanza, stampedAt: stampedAt ?? new Date() }
    if (via === "live" || via === "mam") account.unkept.add(entry)
    client.inbox.push({ stanza, via, stampedAt, kept: () => account.unkept.delete(entry) })
  }

  const route = (stanza: XmlElement, sender: Inside, from: Connection) => {
    const to = stanza.attributes.to ?? sender.jid
    const target = accounts.get(toBareJid(to))
    if (target === undefined) return bounce(stanza, sender, "service-unavailable", "cancel")
    const receivers = online(target)
    if (receivers.length === 0) target.unkept.add({ stanza, stampedAt: new Date() })
    for (const receiver of receivers) hand(target, receiver, stanza, "live")
    // XEP-0280
    for (const other of online(sender)) if (other !== from) hand(sender, other, stanza, "carbon-sent")
  }

  const bounce = (stanza: XmlElement, sender: Inside, condition: string, type: string) => {
    const error = element("error", namespaces.client, { type }, [element(condition, namespaces.stanzas)])
    const { id, to } = stanza.attributes
    const attributes = { type: "error", id, from: to, to: sender.jid }
    sender.deliver(element("message", namespaces.client, attributes, [...stanza.children, error]))
  }

  const world: World = {
    sent,
    requests,
    onMessage: () => "pass",
    account: accountOf,
    wire: () => sent.map((stanza) => serializeXml(stanza)).join("\n"),
    connect(text) {
      const account = accountOf(text)
      counter += 1
      const client = connect(account, `r${counter}`)
      return client
    },
  }

  function connect(account: Inside, resource: string): Client {
    const full = `${account.jid}/${resource}`
    const sessions = new Set<Queue<Session>>()
    const session = { self: full, resumed: false, secure: true }
    const lifetime = new AbortController()
    const waiters = new Set<() => void>()
    const features = new Map<string, number>()
    let isStarted = false
    const wakeAll = () => {
      for (const wake of [...waiters]) wake()
    }
    const connection: Connection = {
      full,
      features,
      inbox: createQueue(),
      events: new Map(),
      handlers: [],
      isOnline: false,
      online() {
        if (!isStarted || account.isAway || connection.isOnline || lifetime.signal.aborted) return
        connection.isOnline = true
        for (const queue of sessions) queue.push(session)
        for (const entry of [...account.unkept]) {
          account.unkept.delete(entry)
          hand(account, connection, entry.stanza, "mam", entry.stampedAt)
        }
        wakeAll()
      },
      offline() {
        connection.isOnline = false
        wakeAll()
      },
    }
    account.clients.add(connection)
    const begin = () => {
      isStarted = true
      connection.online()
    }
    /** Resolves when there is a connection. */
    const connected = async (options?: CallOptions) => {
      throwIfAborted(options)
      begin()
      while (!connection.isOnline) {
        if (lifetime.signal.aborted) throw closed()
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiters.delete(wake)
            resolve()
          }
          waiters.add(wake)
          options?.signal?.addEventListener("abort", wake, { once: true })
        })
        throwIfAborted(options)
      }
    }
    const closed = () => new AurochsError("NETWORK", "the connection is gone", { phase: "closed" })

    return {
      account: account.jid,
      resource,
      features: {
        has: (name: string) => features.has(name),
        get size() {
          return features.size
        },
        [Symbol.iterator]: () => features.keys(),
      } as unknown as ReadonlySet<string>,
      async *sessions(options) {
        begin()
        const queue = createQueue<Session>()
        if (connection.isOnline) queue.push(session)
        if (lifetime.signal.aborted) queue.end()
        sessions.add(queue)
        try {
          yield* queue.values(options)
        } finally {
          sessions.delete(queue)
        }
      },
      async send(stanza, options) {
        serializeXml(stanza)
        await connected(options)
        const stamped = { ...stanza, attributes: { ...stanza.attributes, from: full } }
        sent.push(stamped)
        await Promise.resolve()
        if (stanza.name !== "message") return
        // A session that is lost takes with it all that was on its way.
        if (!connection.isOnline) throw closed()
        const decision = world.onMessage(stamped)
        if (decision === "lose-connection") {
          connection.offline()
          setTimeout(() => connection.online(), 5)
          throw closed()
        }
        if (decision !== "pass") return bounce(stamped, account, decision.bounce, decision.type)
        route(stamped, account, connection)
      },
      async request(request, options) {
        const timeoutMs = options?.timeoutMs ?? 30_000
        const signals = [AbortSignal.timeout(timeoutMs), ...(options?.signal ? [options.signal] : [])]
        try {
          await connected({ signal: AbortSignal.any(signals) })
        } catch (error) {
          throwIfAborted(options)
          if (lifetime.signal.aborted) throw error
          throw new AurochsError("NETWORK", "no connection in time", { phase: "timeout" })
        }
        const to = request.attributes.to ?? account.jid
        requests.push({ from: account.jid, to: toBareJid(to), request })
        const answer = await inTime(answerOf(request, to), timeoutMs, options)
        const error = readStanzaError(answer)
        if (error === undefined) return answer
        const { condition, type, application } = error
        const details = { condition, type, ...(application === undefined ? {} : { application }) }
        throw new AurochsError("STANZA_ERROR", condition, details)
      },
      messages(options) {
        begin()
        return connection.inbox.values(options)
      },
      async *events(node, options) {
        begin()
        const queue = createQueue<PepEvent>()
        const queues = connection.events.get(node) ?? new Set()
        connection.events.set(node, queues.add(queue))
        try {
          yield* queue.values(options)
        } finally {
          queues.delete(queue)
        }
      },
      answer({ namespace, name }, handle) {
        const handler = { namespace, name, handle }
        connection.handlers.unshift(handler)
        return { [Symbol.dispose]: () => void connection.handlers.splice(connection.handlers.indexOf(handler), 1) }
      },
      feature(name) {
        features.set(name, (features.get(name) ?? 0) + 1)
        return {
          [Symbol.dispose]() {
            const count = (features.get(name) ?? 1) - 1
            if (count === 0) features.delete(name)
            else features.set(name, count)
          },
        }
      },
      async [Symbol.asyncDispose]() {
        lifetime.abort()
        connection.isOnline = false
        account.clients.delete(connection)
        for (const queue of sessions) queue.end()
        connection.inbox.end()
        for (const queues of connection.events.values()) for (const queue of queues) queue.end()
        wakeAll()
      },
    }

    async function answerOf(request: XmlElement, to: string): Promise<XmlElement> {
      const target = accounts.get(toBareJid(to))
      if (target === undefined) return failure("item-not-found", "cancel")
      const receiver = online(target).find((one) => one.full === to)
      if (receiver === undefined) {
        if (to.includes("/")) return failure("service-unavailable", "cancel")
        const isOwner = sameBareJid(target.jid, account.jid)
        return target.pep.answer(request, isOwner) ?? failure("service-unavailable", "cancel")
      }
      const stamped = { ...request, attributes: { ...request.attributes, from: full } }
      if (childElement(request, "query", namespaces.discoInfo) !== undefined) {
        const shown = [namespaces.discoInfo, ...receiver.features.keys()].map((name) =>
          element("feature", namespaces.discoInfo, { var: name }),
        )
        return iq({ type: "result" }, element("query", namespaces.discoInfo, {}, shown))
      }
      const [query] = childElements(request)
      if (query?.namespace === namespaces.ping) return iq({ type: "result" })
      for (const { namespace, name, handle } of receiver.handlers) {
        if (query?.namespace !== namespace || query.name !== name) continue
        try {
          const answer = await handle(stamped)
          const attributes = { type: "result", from: to, to: full }
          if (answer !== undefined) return { ...iq({ type: "result" }, answer), attributes }
        } catch {
          return failure("internal-server-error", "wait")
        }
      }
      return failure("service-unavailable", "cancel")
    }
  }

  return world
}

/** The answer, or why the caller does not wait for it any more. */
async function inTime(answer: Promise<XmlElement>, timeoutMs: number, options?: CallOptions): Promise<XmlElement> {
  const { promise, reject } = Promise.withResolvers<never>()
  const late = () => reject(new AurochsError("NETWORK", "no answer in time", { phase: "timeout" }))
  const timer = setTimeout(late, timeoutMs)
  const onAbort = () => reject(aborted(options?.signal))
  options?.signal?.addEventListener("abort", onAbort, { once: true })
  if (options?.signal?.aborted) onAbort()
  try {
    return await Promise.race([answer, promise])
  } finally {
    clearTimeout(timer)
    options?.signal?.removeEventListener("abort", onAbort)
  }
}
