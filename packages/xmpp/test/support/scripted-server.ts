import { createServer, type Server, type Socket } from "node:net"
import { TLSSocket } from "node:tls"
import { childElement, element, textOf, type XmlElement } from "@aurochs/core"
import { createStreamParser, iq, namespaces, serializeXml } from "@aurochs/xml"
import type { TestCertificate } from "./certificate.ts"
import { scramServer } from "./scram-server.ts"

/** What this server does differently from a good one. */
export interface Script {
  readonly domain?: string
  /** Password of every account. */
  readonly password?: string
  readonly certificate?: TestCertificate
  readonly tls?: "none" | "starttls" | "direct"
  readonly mechanisms?: readonly string[]
  /** What comes with SCRAM's `<success/>`. */
  readonly proof?: "right" | "none" | "wrong"
  readonly iterations?: number
  /** Condition with which a login is refused. */
  readonly refuse?: (connection: Connection) => string | undefined
  readonly management?: boolean
  /** Accepts connections, says nothing. */
  readonly silent?: boolean
  /** Everything the client sends after the login; true: it is taken care of. */
  readonly onElement?: (element: XmlElement, connection: Connection) => boolean | undefined
  /** Instead of stream features. */
  readonly onOpen?: (connection: Connection) => boolean | undefined
}

/** One connection of a client. */
export interface Connection {
  readonly number: number
  /** Everything the client sent, the login included. */
  readonly received: readonly XmlElement[]
  jid: string
  user: string
  /** Stanzas of the client, as this server counts them for XEP-0198. */
  handled: number
  readonly isSecure: boolean
  send(what: XmlElement | string | Uint8Array): void
  /** The first element, past or future, that fits. */
  got(fits: (element: XmlElement) => boolean): Promise<XmlElement>
  /** As a cut cable, not as a goodbye. */
  cut(): void
  readonly closed: Promise<void>
}

/** A server that speaks enough XMPP to be logged in to, and whatever its script says. */
export interface ScriptedServer extends AsyncDisposable {
  readonly port: number
  readonly service: string
  readonly connections: readonly Connection[]
  script: Script
  /** The connection with this number, from 0, as soon as it has bound or resumed. */
  ready(number: number): Promise<Connection>
  /** The connection with this number, as soon as it is accepted. */
  accepted(number: number): Promise<Connection>
  /** When each connection was accepted, milliseconds. */
  readonly acceptedAt: readonly number[]
}

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
const TLS = "urn:ietf:params:xml:ns:xmpp-tls"
const BIND = "urn:ietf:params:xml:ns:xmpp-bind"
const { streamManagement: SM, streams, client } = namespaces

export const stanzaNames: readonly string[] = ["message", "iq", "presence"]

export async function scriptedServer(script: Script = {}): Promise<ScriptedServer> {
  const connections: Connection[] = []
  const acceptedAt: number[] = []
  const sockets = new Set<Socket>()
  const waiters: (() => void)[] = []
  const ready = new Set<number>()
  const wake = () => {
    for (const go of waiters.splice(0)) go()
  }
  const until = async (what: string, done: () => boolean): Promise<void> => {
    const deadline = Date.now() + 10_000
    while (!done()) {
      if (Date.now() > deadline) throw new Error(`it did not happen: ${what}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      waiters.push(resolve)
      const timer = setTimeout(resolve, 200)
      await promise
      clearTimeout(timer)
    }
  }
  const listener: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => {})
    acceptedAt.push(Date.now())
    accept(socket, connections.length)
    wake()
  })

  function accept(raw: Socket, number: number): void {
    let socket = raw
    let generation = 0
    const received: XmlElement[] = []
    const closed = Promise.withResolvers<void>()
    raw.on("close", () => closed.resolve())
    const connection: Connection = {
      number,
      received,
      jid: "",
      user: "",
      handled: 0,
      get isSecure() {
        return socket !== raw
      },
      send: (what) =>
        void socket.write(typeof what === "string" || what instanceof Uint8Array ? what : serializeXml(what)),
      async got(fits) {
        await until(`an element from connection ${number}`, () => received.some(fits))
        return received.find(fits) as XmlElement
      },
      cut: () => raw.destroy(),
      closed: closed.promise,
    }
    connections.push(connection)
    let scram: ReturnType<typeof scramServer> | undefined
    let loggedIn = false

    const listen = () => {
      generation++
      const mine = generation
      const parser = createStreamParser({
        open: () => onOpen(),
        element: (incoming) => {
          received.push(incoming)
          onElement(incoming)
          wake()
        },
        close: () => socket.end("</stream:stream>"),
      })
      socket.removeAllListeners("data")
      socket.on("data", (chunk) => {
        if (server.script.silent || mine !== generation) return
        try {
          parser.write(chunk)
        } catch {
          // What bare @xmpp/client sends after a timeout is not always XML.
          raw.destroy()
        }
      })
    }
    const secure = () => {
      const { key = "", cert = "" } = server.script.certificate ?? {}
      raw.removeAllListeners("data")
      socket = new TLSSocket(raw, { isServer: true, key, cert, ALPNProtocols: ["xmpp-client"] })
      socket.on("error", () => {})
      listen()
    }
    const onOpen = () => {
      const {
        domain = "example.test",
        tls = "none",
        mechanisms = ["SCRAM-SHA-1", "PLAIN"],
        management = true,
      } = server.script
      connection.send(
        `<?xml version='1.0'?><stream:stream xmlns='${client}' xmlns:stream='${streams}' from='${domain}' id='s${number}' version='1.0'>`,
      )
      if (server.script.onOpen?.(connection)) return
      const features = element("features", streams, {}, [
        ...(tls === "starttls" && !connection.isSecure
          ? [element("starttls", TLS, {}, [element("required", TLS)])]
          : []),
        ...(loggedIn ? [element("bind", BIND), ...(management ? [element("sm", SM)] : [])] : []),
        ...(loggedIn || (tls === "starttls" && !connection.isSecure)
          ? []
          : [
              element(
                "mechanisms",
                SASL,
                {},
                mechanisms.map((name) => element("mechanism", SASL, {}, [name])),
              ),
            ]),
      ])
      connection.send(features)
    }
    const succeed = (data: string | undefined) => {
      loggedIn = true
      connection.send(element("success", SASL, {}, data === undefined ? [] : [data]))
      listen()
    }
    const onSasl = (incoming: XmlElement) => {
      const { password = "secret", proof = "right", iterations = 4096 } = server.script
      const text = Buffer.from(textOf(incoming), "base64").toString("utf8")
      const refused = server.script.refuse?.(connection)
      if (refused !== undefined) {
        connection.send(element("failure", SASL, {}, [element(refused, SASL)]))
        return
      }
      if (incoming.name === "auth" && incoming.attributes.mechanism === "PLAIN") {
        const [, user = "", given] = text.split("\0")
        connection.user = user
        if (given === password) succeed(undefined)
        else connection.send(element("failure", SASL, {}, [element("not-authorized", SASL)]))
      } else if (incoming.name === "auth") {
        scram = scramServer(password, iterations)
        const { user, challenge } = scram.first(text)
        connection.user = user
        connection.send(element("challenge", SASL, {}, [Buffer.from(challenge).toString("base64")]))
      } else if (scram !== undefined) {
        const final = scram.final(text)
        if (final === undefined) connection.send(element("failure", SASL, {}, [element("not-authorized", SASL)]))
        else if (proof === "none") succeed(undefined)
        else succeed(Buffer.from(proof === "wrong" ? "v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=" : final).toString("base64"))
      }
    }
    const onElement = (incoming: XmlElement) => {
      if (incoming.namespace === TLS) {
        connection.send(element("proceed", TLS))
        secure()
      } else if (incoming.namespace === SASL) onSasl(incoming)
      else if (loggedIn && server.script.onElement?.(incoming, connection)) return
      else if (stanzaNames.includes(incoming.name)) onStanza(incoming)
      else if (incoming.namespace === SM) onManagement(incoming)
    }
    const onManagement = (incoming: XmlElement) => {
      if (incoming.name === "enable") {
        connection.handled = 0
        connection.send(element("enabled", SM, { id: `session-${number}`, resume: "true" }))
      } else if (incoming.name === "r") connection.send(element("a", SM, { h: String(connection.handled) }))
      else if (incoming.name === "resume")
        connection.send(element("failed", SM, {}, [element("item-not-found", namespaces.stanzas)]))
    }
    const onStanza = (stanza: XmlElement) => {
      connection.handled++
      const { id, type, to } = stanza.attributes
      const query = stanza.children.find((child): child is XmlElement => typeof child !== "string")
      if (stanza.name !== "iq" || (type !== "get" && type !== "set")) return
      if (childElement(stanza, "bind", BIND)) {
        connection.jid = `${connection.user}@${server.script.domain ?? "example.test"}/r${number}`
        connection.handled = 0
        const bound = element("bind", BIND, {}, [element("jid", BIND, {}, [connection.jid])])
        connection.send(iq({ type: "result", id }, bound))
        ready.add(number)
        wake()
      } else if (query?.namespace === namespaces.mam && (to === undefined || to === "")) {
        connection.send(
          iq(
            { type: "result", id },
            element("fin", namespaces.mam, { complete: "true" }, [element("set", namespaces.rsm)]),
          ),
        )
      } else if (query?.namespace === namespaces.ping || query?.namespace === namespaces.carbons) {
        connection.send(iq({ type: "result", id }))
      } else if (to === undefined) {
        const error = element("error", client, { type: "cancel" }, [element("service-unavailable", namespaces.stanzas)])
        connection.send(iq({ type: "error", id }, error))
      }
    }
    if (script.tls === "direct") secure()
    else listen()
  }

  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
  const address = listener.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const server: ScriptedServer = {
    port,
    service: `${script.tls === "direct" ? "xmpps" : "xmpp"}://127.0.0.1:${port}`,
    connections,
    acceptedAt,
    script,
    async ready(number) {
      await until(`session ${number}`, () => ready.has(number))
      return connections[number] as Connection
    },
    async accepted(number) {
      await until(`connection ${number}`, () => connections.length > number)
      return connections[number] as Connection
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
    },
  }
  return server
}
