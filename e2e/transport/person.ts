import { readFile } from "node:fs/promises"
import { type Delivery, element, type Session, type Transport, type Via, type XmlElement } from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { type TransportEvent, type XmppOptions, xmpp } from "@aurochs/xmpp"
import { eventually } from "../rig/processes.ts"
import type { Prosody } from "../rig/prosody.ts"

/** Somebody online, with everything that happened to them. */
export interface Person extends AsyncDisposable {
  readonly transport: Transport
  readonly sessions: readonly Session[]
  readonly events: readonly TransportEvent[]
  readonly taken: readonly Delivery[]
  /** How each message with a body came and what it said, in order. */
  heard(): string[]
  /** The same, once this one is among it. */
  hears(via: Via, body: string): Promise<string[]>
  /** Resolves when the archive was read `times` times. */
  caughtUp(times?: number): Promise<void>
}

/** Options for a verified STARTTLS connection to a server of ours. */
export async function overTls(prosody: Prosody): Promise<Pick<XmppOptions, "service" | "ca" | "tls">> {
  return { service: prosody.service, ca: await readFile(prosody.caFile, "utf8"), tls: "required" }
}

/** The options of an account on a server of ours. */
export function accountOf(user: string): Pick<XmppOptions, "jid" | "password" | "backoffMs"> {
  const [local = user] = user.split("/")
  const resource = user.slice(local.length)
  return { jid: `${local}@ox.test${resource}`, password: `pw-${local}`, backoffMs: { first: 50, longest: 200 } }
}

/**
 * Connects and takes messages.
 *
 * @param keep false: the message is taken, but `kept()` is not called
 */
export async function online(options: XmppOptions, keep: (body: string) => boolean = () => true): Promise<Person> {
  const events: TransportEvent[] = []
  const sessions: Session[] = []
  const taken: Delivery[] = []
  const transport = xmpp({ ...options, onEvent: (event) => events.push(event) })
  const running = Promise.all([
    (async () => {
      for await (const session of transport.sessions()) sessions.push(session)
    })(),
    (async () => {
      for await (const delivery of transport.messages()) {
        taken.push(delivery)
        if (keep(bodyOf(delivery.stanza) ?? "")) delivery.kept()
      }
    })(),
  ])
  running.catch(() => {})
  const person: Person = {
    transport,
    sessions,
    events,
    taken,
    heard: () => taken.flatMap(({ via, stanza }) => (bodyOf(stanza) ? [`${via} ${bodyOf(stanza)}`] : [])),
    hears: (via, body) =>
      eventually(`${options.jid} hears ${via} ${body}`, () => {
        const heard = person.heard()
        return heard.includes(`${via} ${body}`) ? heard : undefined
      }),
    async caughtUp(times = 1) {
      await eventually(`${options.jid} has read the archive`, () => {
        return events.filter(({ kind }) => kind === "caught-up").length >= times || undefined
      })
    },
    async [Symbol.asyncDispose]() {
      await transport[Symbol.asyncDispose]()
      await running
    },
  }
  await eventually(`${options.jid} is online`, () => sessions.length > 0 || undefined)
  await person.caughtUp()
  return person
}

/** A chat message. */
export function chat(to: string, body: string): XmlElement {
  return element("message", namespaces.client, { to, type: "chat" }, [element("body", namespaces.client, {}, [body])])
}

/** Its text. */
export function bodyOf(stanza: XmlElement): string | undefined {
  const body = stanza.children.find((child) => typeof child !== "string" && child.name === "body")
  return body === undefined || typeof body === "string" ? undefined : body.children.join("")
}
