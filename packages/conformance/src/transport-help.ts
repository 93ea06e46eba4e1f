import { type Delivery, element, type FullJid, isAurochsError, type Transport, type XmlElement } from "@aurochs/core"
import { iq, namespaces } from "@aurochs/xml"
import { expect } from "vitest"

/** Two transports of two accounts that can reach each other, not connected yet. */
export interface TransportSubject {
  readonly a: Transport
  readonly b: Transport
  dispose(): Promise<void>
}

/** How long anything in a case may take. */
const PATIENCE_MS = 15_000

/** The value, or a failure that says what did not happen. */
export async function soon<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not happen: ${what}`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Connects; the account's address in this session. */
export async function online(transport: Transport): Promise<FullJid> {
  const first = async () => {
    for await (const { self } of transport.sessions()) return self
    throw new Error("sessions() ended")
  }
  return await soon(`a session of ${transport.account}`, first())
}

/** Both connected; a case starts here. */
export async function bothOnline({ a, b }: TransportSubject): Promise<{ a: FullJid; b: FullJid }> {
  const [first, second] = await Promise.all([online(a), online(b)])
  return { a: first, b: second }
}

/** Takes messages, each kept at once, until there are `count` with a body. */
export async function take(transport: Transport, count: number): Promise<Delivery[]> {
  const take = async () => {
    const taken: Delivery[] = []
    for await (const delivery of transport.messages()) {
      delivery.kept()
      if (bodyOf(delivery.stanza) === undefined) continue
      taken.push(delivery)
      if (taken.length === count) return taken
    }
    throw new Error("messages() ended")
  }
  return await soon(`${count} message(s) for ${transport.account}`, take())
}

/** A chat message with a text. */
export function chat(to: string, body: string, id?: string): XmlElement {
  return element("message", namespaces.client, { to, type: "chat", id }, [
    element("body", namespaces.client, {}, [body]),
  ])
}

/** Its text. */
export function bodyOf(stanza: XmlElement): string | undefined {
  const body = stanza.children.find((child) => typeof child !== "string" && child.name === "body")
  return body === undefined || typeof body === "string" ? undefined : body.children.join("")
}

/** A request that only the suite knows. */
export const question = { namespace: "urn:aurochs:conformance:question", name: "question" } as const

/** {@link question} as an IQ. */
export function ask(to: string, text = ""): XmlElement {
  return iq({ type: "get", to }, element(question.name, question.namespace, {}, text === "" ? [] : [text]))
}

/** Expects a rejection with this code, and these details if any are given. */
export async function expectCode(work: Promise<unknown>, code: string, details?: object): Promise<void> {
  const error = await soon(`a rejection with ${code}`, work).then(
    () => new Error("it was not rejected"),
    (reason: unknown) => reason,
  )
  expect(isAurochsError(error) ? error.code : String(error)).toBe(code)
  if (details !== undefined) expect(error).toMatchObject({ details })
}
