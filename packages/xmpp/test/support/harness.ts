import {
  type AnyAurochsError,
  type Delivery,
  element,
  isAurochsError,
  type Transport,
  type XmlElement,
} from "@aurochs/core"
import { namespaces } from "@aurochs/xml"
import { expect } from "vitest"
import { type TransportEvent, type XmppOptions, xmpp } from "../../src/index.ts"
import type { ScriptedServer } from "./scripted-server.ts"

/** Ours, as `alice` with the password `secret`; its events are collected. */
export function ours(
  server: Pick<ScriptedServer, "service">,
  options: Partial<XmppOptions> = {},
): Transport & { readonly log: TransportEvent[] } {
  const log: TransportEvent[] = []
  const transport = xmpp({
    jid: "alice@example.test",
    password: "secret",
    service: server.service,
    backoffMs: { first: 20, longest: 100 },
    stepTimeoutMs: 2_000,
    onEvent: (event) => log.push(event),
    ...options,
  })
  return Object.assign(transport, { log })
}

/** The first session. */
export async function online(transport: Transport): Promise<{ readonly self: string; readonly secure: boolean }> {
  for await (const session of transport.sessions()) return session
  throw new Error("sessions() ended")
}

/** Waits for a condition; the time is short, so that a test that fails does so soon. */
export async function eventually<T>(what: string, probe: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + 5_000
  for (;;) {
    const value = probe()
    if (value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`it did not happen: ${what}`)
    await pause(5)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** How a promise was rejected. */
export async function rejection(work: Promise<unknown>): Promise<AnyAurochsError> {
  const error = await work.then(
    () => new Error("it was not rejected"),
    (reason: unknown) => reason,
  )
  expect(isAurochsError(error), `an AurochsError, not ${error}`).toBe(true)
  return error as AnyAurochsError
}

export function chat(to: string, body: string, attributes: Record<string, string> = {}): XmlElement {
  const children = [element("body", namespaces.client, {}, [body])]
  return element("message", namespaces.client, { to, type: "chat", ...attributes }, children)
}

export function bodyOf(stanza: XmlElement): string | undefined {
  const body = stanza.children.find((child) => typeof child !== "string" && child.name === "body")
  return body === undefined || typeof body === "string" ? undefined : body.children.join("")
}

/** Collects deliveries; nothing is kept by itself. */
export function collect(transport: Transport): { readonly deliveries: Delivery[]; bodies(): (string | undefined)[] } {
  const deliveries: Delivery[] = []
  const loop = async () => {
    for await (const delivery of transport.messages()) deliveries.push(delivery)
  }
  loop().catch(() => {})
  return { deliveries, bodies: () => deliveries.map(({ stanza }) => bodyOf(stanza)) }
}
