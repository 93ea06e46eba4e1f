/// <reference path="./xmpp-client.d.ts" />
// The only file that knows @xmpp/client and its elements.
import { EventEmitter, once } from "node:events"
import { type CallOptions, childElement, childElements, textOf, type XmlElement } from "@aurochs/core"
import type { XmlLimits } from "@aurochs/xml"
import { client, type LtxElement, xml } from "@xmpp/client"
import { connectionError, failure, loginRefused, networkError } from "./errors.ts"
import { guarded, type LoginProof } from "./mechanisms.ts"
import { asciiHost } from "./resolve.ts"
import { frameReader, type ReaderHandlers, streamReader } from "./stream-reader.ts"
import type { Wire } from "./wire.ts"

/** One XMPP stream over one connection. */
export interface ClientStream {
  /** Sends the stream header; resolves when the server's has come. */
  open(): Promise<void>
  /** Goes on over another socket, which protects the first one. */
  replaceWire(wire: Wire): void
  /**
   * Logs in, and starts the stream anew.
   *
   * @param features `<stream:features/>` with `<mechanisms/>`
   * @param allowed names of mechanisms, best first
   * @returns the mechanism
   * @throws {AurochsError} `AUTHENTICATION`
   */
  login(features: XmlElement, allowed: readonly string[], password: string): Promise<string>
  /**
   * Writes elements in their order: in one piece, or each as a WebSocket message of its own (RFC 7395 §3.3.3). Resolves
   * when they were handed to the operating system.
   */
  write(...elements: readonly string[]): Promise<void>
  /** `</stream:stream>` or `<close/>` */
  end(): Promise<void>
  /** Nothing is read or written any more. */
  destroy(): void
}

/** What a stream tells its owner. */
export interface StreamEvents {
  /** Every child of the stream except those of the login. */
  element(element: XmlElement): void
  /** One was beyond a bound, and is left out. */
  skipped(name: string): void
  /** The stream is over: by `</stream:stream>`, a lost connection, or XML that cannot be read. Once. */
  over(reason: unknown): void
}

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl"

/**
 * @xmpp/client opens the stream, frames it for TCP or WebSocket, and drives SASL. Its parser (X3, X10, X11), its sockets
 * and TLS, its reconnection (X6, X7), its stream management (X4, X5, X9), its IQ handling (X2) and see-other-host (X13)
 * are not used: what they would hear never reaches it.
 */
export function clientStream(
  options: {
    readonly domain: string
    readonly username: string
    readonly limits: Partial<XmlLimits>
  },
  wire: Wire,
  kind: "tcp" | "websocket",
  events: StreamEvents,
): ClientStream {
  const domain = asciiHost(options.domain)
  let current = wire
  let isOver = false
  let attempt: LoginAttempt | undefined
  let proof: LoginProof | undefined
  const over = (reason: unknown) => {
    if (isOver) return
    isOver = true
    attempt?.reject(reason)
    events.over(reason)
  }
  const entity = client({
    service: kind === "tcp" ? "xmpp://unused" : "ws://unused",
    domain,
    username: options.username,
    credentials: async (authenticate) => {
      if (attempt === undefined) throw networkError("closed", "a login out of turn")
      await authenticate({ username: options.username, password: attempt.password }, attempt.mechanism)
    },
  })
  entity.reconnect.stop()
  // None of its own: they would outlive the stream and keep the process. Whoever waits for it does so for a limited time.
  entity.timeout = 0
  entity.saslFactory._mechs = entity.saslFactory._mechs.map((entry) =>
    guarded(entry, (started) => {
      proof = started
    }),
  )
  entity.Transport = entity._findTransport(kind === "tcp" ? "xmpp://unused" : "ws://unused")
  entity.Parser = parserOf(kind, options.limits, {
    skipped: (name) => {
      if (!isOver) events.skipped(name)
    },
    element: (element) => {
      if (isOver) return
      if (element.namespace === SASL) onSasl(element)
      else events.element(element)
    },
    close: () => over(failure(networkError("closed", "the server ended the stream"), { fatal: true })),
    error: over,
  })
  entity._onData = (data) => {
    if (!isOver) entity.parser?.write(data)
  }
  entity.on("error", (error) => {
    if (attempt === undefined) over(connectionError(error))
    else attempt.reject(refusal(error, attempt.mechanism))
  })
  attach(wire)

  function attach(next: Wire): void {
    current = next
    entity._attachSocket(next)
    next.on("error", (error) => over(connectionError(error)))
    next.on("close", () => over(networkError("closed", "the connection was lost")))
  }

  function onSasl(element: XmlElement): void {
    if (attempt === undefined) return
    try {
      if (element.name === "success") {
        const data = textOf(element)
        if (proof === undefined) throw loginRefused("the server said success before the login", attempt.mechanism)
        proof.success(data === "" || data === "=" ? undefined : data)
        attempt.proved = true
      }
      entity._onElement(toLtx(element))
    } catch (error) {
      attempt.reject(error)
    }
  }

  return {
    async open() {
      await entity.open({ domain })
    },
    replaceWire(next) {
      entity._detachSocket()
      current.removeAllListeners("close")
      attach(next)
    },
    async login(features, allowed, password) {
      const offered = childElement(features, "mechanisms", SASL)
      const names = offered === undefined ? [] : childElements(offered, "mechanism", SASL).map(textOf)
      const known = entity.saslFactory._mechs.map(({ name }) => name)
      const mechanism = allowed.find((name) => names.includes(name) && known.includes(name))
      if (offered === undefined || mechanism === undefined) {
        throw failure(
          loginRefused(`the server offers no login that is safe here: ${names.join(", ").slice(0, 200) || "none"}`),
          {
            permanent: true,
          },
        )
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      promise.catch(() => {})
      attempt = { mechanism, password, proved: false, reject }
      // The library restarts the stream after the login, by itself.
      entity.on("open", () => {
        if (attempt?.proved) resolve()
      })
      entity._onElement(toLtx({ ...features, children: [offered] }))
      try {
        await promise
        return mechanism
      } finally {
        attempt = undefined
      }
    },
    async write(...elements) {
      if (isOver) throw networkError("closed", "there is no connection")
      const pieces = kind === "websocket" ? elements : [elements.join("")]
      await Promise.all(pieces.map((piece) => entity.write(piece)))
    },
    async end() {
      if (!isOver) await entity.write(entity.footer(entity.footerElement()))
    },
    destroy() {
      isOver = true
      entity._detachSocket()
      current.destroy()
    },
  }
}

interface LoginAttempt {
  readonly mechanism: string
  readonly password: string
  proved: boolean
  reject(error: unknown): void
}

/** The library's SASLError has the condition (RFC 6120 §6.5); only one of them may pass by itself. */
function refusal(error: unknown, mechanism: string): unknown {
  if (!(error instanceof Error) || error.name !== "SASLError") return error
  const condition = "condition" in error ? String(error.condition) : "unknown"
  const refused = loginRefused(`the server refused the login: ${condition}`, mechanism)
  return failure(refused, { permanent: condition !== "temporary-auth-failure", fatal: true })
}

/** The library calls `new Parser()` for each stream and waits for `start`; the rest goes past it. */
function parserOf(
  kind: "tcp" | "websocket",
  limits: Partial<XmlLimits>,
  handlers: Omit<ReaderHandlers, "open"> & { error(error: unknown): void },
): unknown {
  return function Parser() {
    const emitter = new EventEmitter()
    const open = (header: XmlElement) => void emitter.emit("start", toLtx({ ...header, children: [] }))
    const readBytes = streamReader({ ...handlers, open }, limits)
    const readFrame = frameReader({ ...handlers, open }, limits)
    let failed = false
    const write = (data: unknown) => {
      if (failed) return
      try {
        if (kind === "tcp" && data instanceof Uint8Array) readBytes(data)
        else readFrame(String(data))
      } catch (error) {
        failed = true
        handlers.error(error)
      }
    }
    return Object.assign(emitter, { write })
  }
}

function toLtx({ name, namespace, attributes, children }: XmlElement): LtxElement {
  const inner = children.map((child) => (typeof child === "string" ? child : toLtx(child)))
  return xml(name, { ...attributes, xmlns: namespace }, ...inner)
}

/**
 * Connects the library's WebSocket (RFC 7395), which is the platform's. The platform checks the certificate against the
 * host of the URL, which the operator chose.
 *
 * @throws {Error} if there is no connection
 */
export async function webSocketWire(url: string, options?: CallOptions): Promise<Wire> {
  const entity = client({ service: url, domain: "unused", username: "unused", credentials: async () => {} })
  entity.reconnect.stop()
  const { Socket } = entity._findTransport(url).prototype
  const socket = new Socket()
  if (!(socket instanceof EventEmitter)) throw networkError("connect", "no WebSocket on this platform")
  socket.connect(url)
  const wire = socket as unknown as Wire
  wire.on("error", () => {})
  // Closing is all that a WebSocket can do.
  const destroy = () => {
    try {
      wire.end()
    } catch {
      // It is closed already.
    }
  }
  try {
    await once(socket, "connect", options?.signal ? { signal: options.signal } : {})
  } catch (error) {
    destroy()
    throw error
  }
  return Object.assign(wire, { destroy })
}
