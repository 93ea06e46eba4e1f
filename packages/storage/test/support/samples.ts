import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { BareJid } from "@aurochs/core"
import type { NewEntry, NewOutboxEntry } from "../../src/index.ts"

export const juliet: BareJid = "juliet@capulet.example"
export const romeo: BareJid = "romeo@montague.example"
export const now = new Date("2026-01-02T03:04:05.678Z")

export function incoming(text: string): NewEntry {
  return {
    account: juliet,
    peer: romeo,
    direction: "in",
    stanza: { name: "message", namespace: "jabber:client", attributes: { id: text }, children: [] },
    openpgp: new TextEncoder().encode(text),
    via: "live",
    storedAt: now,
  }
}

export function outgoing(key: string): NewOutboxEntry {
  return { account: juliet, recipient: romeo, key, sealed: new TextEncoder().encode(`sealed ${key}`), enqueuedAt: now }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** An empty folder that goes with the test. */
export async function testFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "aurochs-storage-"))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
