import { EventEmitter } from "node:events"
import { AurochsError, childElement, childElements, isAurochsError, textOf, type XmlElement } from "@aurochs/core"
import { namespaces, type XmlLimits } from "@aurochs/xml"
import { type Client, client, type LtxElement, xml } from "@xmpp/client"
import { connectionError, networkError } from "./errors.ts"
import { asciiHost, isLoopback } from "./resolve.ts"
import { type Scram, scram } from "./scram.ts"
import { libraryParser } from "./strict-parser.ts"

/** An authenticated stream, before resource binding. */
export interface Connection {
  readonly secure: boolean
  /** `<stream:features/>` after the login. */
  readonly features: XmlElement
  /** Resolves when the text was handed to the operating system. */
  write(text: string): Promise<void>
  /** Gets every element from now on. */
  listen(listener: (element: XmlElement) => void): void
  /** Resolves with the reason when the connection is gone. */
  readonly closed: Promise<AurochsError>
  /** Sends the end of the stream and closes the socket. */
  close(): Promise<void>
  /** Gives the connection up at once. */
  destroy(error: AurochsError): void
}

/** What is needed to log in. */
export interface LoginOptions {
  readonly service: string
  readonly domain: string
  readonly username: string
  readonly password: string
  readonly limits: Partial<XmlLimits>
  /** For connecting, TLS and the login together; milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
const TLS = "urn:ietf:params:xml:ns:xmpp-tls"

/**
 * Connects and logs in. @xmpp/client opens the socket, negotiates TLS and drives SASL; what it cannot be trusted with is
 * replaced: the parser, the SCRAM mechanism (server signature), the name TLS checks, see-other-host, and everything
 * after the login.
 *
 * @throws {AurochsError} `NETWORK`, `AUTHENTICATION`, `BAD_DATA`, `ABORTED`
 */
export async function login(options: LoginOptions): Promise<Connection> {
  const { service, domain, username, password, limits, signal } = options
  const entity = client({ service, domain: asciiHost(domain), username, password })
  entity.reconnect.stop()
  const features = deferred<XmlElement>()
  const closed = deferred<AurochsError>()
  const waiting: XmlElement[] = []
  let listener = (element: XmlElement): void => void waiting.push(element)
  let scramState: Scram | undefined
  let loggedIn = false
  let failure: AurochsError | undefined
  const fail = (error: unknown) => {
    failure ??= connectionError(error)
    features.reject(failure)
    destroySocket(entity)
    closed.resolve(failure)
  }

  useOwnMechanisms(entity, password, (state) => {
    scramState = state
  })
  const onElement = (element: XmlElement): XmlElement | undefined => {
    if (loggedIn) {
      listener(element)
      return undefined
    }
    try {
      return beforeLogin(element)
    } catch (error) {
      fail(error)
      return undefined
    }
  }
  const beforeLogin = (element: XmlElement): XmlElement | undefined => {
    if (element.name === "features" && element.namespace === namespaces.streams) return onFeatures(element)
    if (element.name === "success" && element.namespace === SASL) {
      const text = textOf(element)
      scramState?.verify(text === "" ? undefined : Buffer.from(text, "base64").toString())
      authenticated = true
    }
    return element
  }
  let authenticated = false
  const onFeatures = (element: XmlElement): XmlElement | undefined => {
    if (authenticated) {
      loggedIn = true
      features.resolve(element)
      return undefined
    }
    const starttls = childElement(element, "starttls", TLS)
    if (starttls !== undefined && !entity.isSecure()) return { ...element, children: [starttls] }
    if (!entity.isSecure() && !isLoopback(service))
      throw networkError("tls", "the server offers no TLS: nothing was sent to it")
    const mechanisms = childElement(element, "mechanisms", SASL)
    if (mechanisms === undefined) throw new AurochsError("AUTHENTICATION", "the server offers no login", {})
    const offered = childElements(mechanisms, "mechanism", SASL)
    if (!offered.some((one) => MECHANISMS.includes(textOf(one)))) {
      throw new AurochsError("AUTHENTICATION", "the server offers no login that is safe (SCRAM, or PLAIN over TLS)", {})
    }
    return { ...element, children: [mechanisms] }
  }

  installParser(entity, onElement, limits)
  // Never to where an unauthenticated stream error says (X13).
  entity._onSeeOtherHost = () => fail(networkError("closed", "the server sent us elsewhere, which is not followed"))
  checkOwnDomain(entity, asciiHost(domain))
  entity.on("error", fail)
  entity.on("disconnect", () => fail(networkError("closed", "the connection was lost")))
  entity.on("close", () => {
    if (!loggedIn) fail(networkError("closed", "the server closed the stream"))
    else fail(networkError("closed", "the server ended the stream"))
  })
  const onAbort = () => fail(new AurochsError("ABORTED", "the call was aborted", undefined))
  signal.addEventListener("abort", onAbort, { once: true })
  const timer = setTimeout(() => fail(networkError("timeout", "the server does not answer")), options.timeoutMs)
  try {
    if (signal.aborted) onAbort()
    else connectAndOpen(entity, service, asciiHost(domain)).catch(fail)
    const offered = await features.promise
    return {
      secure: entity.isSecure(),
      features: offered,
      closed: closed.promise,
      write: (text) => writeTo(entity, text),
      listen(next) {
        listener = next
        for (const element of waiting.splice(0)) next(element)
      },
      async close() {
        await writeTo(entity, service.startsWith("ws") ? CLOSE_FRAME : "</stream:stream>").catch(() => {})
        await Promise.race([closed.promise, new Promise((resolve) => setTimeout(resolve, 500))])
        fail(networkError("closed", "the connection was closed"))
      },
      destroy: fail,
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", onAbort)
  }
}

const CLOSE_FRAME = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"
const MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]

async function connectAndOpen(entity: Client, service: string, domain: string): Promise<void> {
  await entity.connect(service)
  await entity.open({ domain })
}

/** Best first. PLAIN is offered to the server only over TLS or to this machine, which `onFeatures` made sure of. */
function useOwnMechanisms(entity: Client, password: string, onScram: (state: Scram) => void): void {
  entity.saslFactory._mechs = []
  for (const name of MECHANISMS.slice(0, 2)) entity.saslFactory.use(scramMechanism(name, password, onScram))
  entity.saslFactory.use(plainMechanism())
}

/** In the shape that the library's factory takes: a constructor with the name on its prototype. */
function scramMechanism(name: string, password: string, onScram: (state: Scram) => void) {
  function Mechanism(this: { response: unknown; challenge: unknown }) {
    let state: Scram | undefined
    let next: string | undefined
    this.response = ({ username }: { username: string }) => {
      if (next !== undefined) return next
      state = scram(name, username, password)
      onScram(state)
      return state.first()
    }
    this.challenge = async (text: string) => {
      if (state === undefined) throw new AurochsError("AUTHENTICATION", "a challenge out of turn", { mechanism: name })
      if (text.startsWith("v=")) {
        state.verify(text)
        next = ""
      } else next = await state.final(text)
    }
  }
  return Object.assign(Mechanism, { prototype: Object.assign(Mechanism.prototype, { name, clientFirst: true }) })
}

function plainMechanism() {
  function Mechanism(this: { response: unknown; challenge: unknown }) {
    this.response = ({ username, password }: { username: string; password: string }) => `\0${username}\0${password}`
    this.challenge = () => {}
  }
  return Object.assign(Mechanism, {
    prototype: Object.assign(Mechanism.prototype, { name: "PLAIN", clientFirst: true }),
  })
}

/** The library makes a parser for each stream and gives it text: ours instead, and bytes (X3). */
function installParser(
  entity: Client,
  onElement: (element: XmlElement) => XmlElement | undefined,
  limits: Partial<XmlLimits>,
): void {
  function Parser() {
    return libraryParser(onElement, toLtx, limits)
  }
  Object.defineProperty(entity, "Parser", { get: () => Parser, set: () => {} })
  entity._onData = (data) => {
    if (
      entity.parser instanceof EventEmitter &&
      "write" in entity.parser &&
      typeof entity.parser.write === "function"
    ) {
      entity.parser.write(data)
    }
  }
}

/** Direct TLS: the certificate must be the domain's, whatever host was connected to. */
function checkOwnDomain(entity: Client, domain: string): void {
  const original = entity.socketParameters.bind(entity)
  entity.socketParameters = (service) => {
    const parameters = original(service)
    if (!service.startsWith("xmpps:") || typeof parameters !== "object") return parameters
    return { ...parameters, servername: domain, ALPNProtocols: ["xmpp-client"] }
  }
}

function writeTo(entity: Client, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const { socket } = entity
    if (socket === null || socket.socket === null) {
      reject(networkError("closed", "there is no connection"))
      return
    }
    socket.write(text, (error) => (error ? reject(connectionError(error)) : resolve()))
  })
}

function destroySocket(entity: Client): void {
  const { socket } = entity
  if (socket === null) return
  try {
    const inner = socket.socket ?? (socket as { destroy?(): void })
    if (typeof inner.destroy === "function") inner.destroy()
    else socket.end()
  } catch (error) {
    if (isAurochsError(error)) throw error
  }
}

function toLtx(element: XmlElement): LtxElement {
  const { name, namespace, attributes, children } = element
  return xml(
    name,
    { ...attributes, xmlns: namespace },
    ...children.map((child) => (typeof child === "string" ? child : toLtx(child))),
  )
}

function deferred<T>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  // Somebody may look at it only later.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
