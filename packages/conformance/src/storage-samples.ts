import type { BareJid, Fingerprint, KnownKey, XmlElement } from "@aurochs/core"
import type { ArchiveEntry, NewEntry, NewOutboxEntry, OutboxEntry } from "@aurochs/storage"

/** Two instances of a store over the same data (a memory store: the same instance twice). */
export interface Pair<Port> {
  readonly first: Port
  readonly second: Port
  dispose(): Promise<void>
}

export const juliet: BareJid = "juliet@capulet.example"
export const romeo: BareJid = "romeo@montague.example"
export const nurse: BareJid = "nurse@capulet.example"
export const tybalt: BareJid = "tybalt@capulet.example"

/** A moment, some milliseconds after a fixed one. */
export function moment(afterMs: number): Date {
  return new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678) + afterMs)
}

/** Every value that a byte can have. */
export function everyByte(): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, index) => index)
}

/** A stanza whose text is hard to keep. */
export function stanza(text: string): XmlElement {
  const body: XmlElement = { name: "body", namespace: "jabber:client", attributes: {}, children: [text] }
  const attributes = { to: juliet, id: "a'b\"c\\", "xml:lang": "de-CH" }
  return { name: "message", namespace: "jabber:client", attributes, children: ["\n", body, " \u2028😀é"] }
}

/** Something incoming for Juliet. */
export function incoming(text: string, changes: Partial<NewEntry> = {}): NewEntry {
  return {
    account: juliet,
    peer: romeo,
    direction: "in",
    stanza: stanza(text),
    openpgp: new TextEncoder().encode(`sealed ${text}`),
    via: "live",
    storedAt: moment(0),
    ...changes,
  }
}

/** Something that Juliet wants to send. */
export function outgoing(key: string, recipient: BareJid, changes: Partial<NewOutboxEntry> = {}): NewOutboxEntry {
  const sealed = new TextEncoder().encode(`sealed ${key}`)
  return { account: juliet, recipient, key, sealed, enqueuedAt: moment(0), ...changes }
}

/** A made-up fingerprint that ends in these digits. */
export function fingerprintOf(digits: string): Fingerprint {
  return digits.padStart(40, "A")
}

/** A key of Romeo's. The bytes are no certificate: a store does not look into them. */
export function knownKey(digits: string, changes: Partial<KnownKey> = {}): KnownKey {
  return {
    owner: romeo,
    fingerprint: fingerprintOf(digits),
    bytes: everyByte(),
    firstSeen: moment(0),
    source: "pep",
    binds: "account",
    announced: true,
    approval: "none",
    ...changes,
  }
}

/** All of it. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** The keys of outbox entries. */
export function keysIn(entries: readonly (OutboxEntry | NewOutboxEntry)[]): string[] {
  return entries.map((entry) => entry.key)
}

/** The texts of archived entries. */
export function textsIn(entries: readonly ArchiveEntry[]): string[] {
  return entries.map((entry) => {
    const body = entry.stanza.children.find((child) => typeof child !== "string")
    return typeof body === "object" ? String(body.children[0]) : ""
  })
}
