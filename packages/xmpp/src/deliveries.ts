import type { BareJid, CallOptions, Delivery } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"
import type { Routed } from "./origin.ts"
import { asyncQueue } from "./queue.ts"
import type { Inbound } from "./stream-management.ts"

type Message = Extract<Routed, { kind: "message" }>

/** Incoming messages on their way to the one consumer, and the archive cursor that follows what was kept. */
export interface Deliveries {
  /** @param inbound the stream-management entry to finish when it is kept; none for archive results */
  deliver(message: Message, inbound: Inbound | undefined): void
  /** While the archive is read, live messages wait, so that the cursor never jumps over a gap. */
  holdLive(): void
  releaseLive(): void
  messages(options?: CallOptions): AsyncIterable<Delivery>
  cursor(): Promise<string | undefined>
  /** A first start begins behind this message; not if newer ones wait already: the cursor then follows them. */
  setCursor(id: string): void
  /** Resolves when the cursor is on disk. */
  flush(): Promise<void>
  end(error?: unknown): void
}

/** Archive ids remembered to recognise a message that comes live and from the archive. */
const REMEMBERED = 4_096

/** @param state where the cursor is kept */
export function deliveries(account: BareJid, state: StateStore | undefined): Deliveries {
  const key = `xmpp:mam-cursor:${account}`
  const queue = asyncQueue<Delivery>()
  const order: { isKept: boolean; readonly archiveId: string | undefined }[] = []
  const seen = new Set<string>()
  let held: [Message, Inbound | undefined][] | undefined
  let cursor: string | undefined
  let written: string | undefined
  let writing = Promise.resolve()

  const persist = () => {
    writing = writing.then(async () => {
      if (cursor === undefined || cursor === written || state === undefined) return
      const next = cursor
      await state.put(key, new TextEncoder().encode(next))
      written = next
    })
    // The next write tries again; until then a restart reads a little more of the archive.
    writing = writing.catch(() => {})
  }
  const settle = () => {
    const before = cursor
    while (order[0]?.isKept) cursor = order.shift()?.archiveId ?? cursor
    if (cursor !== before) persist()
  }
  const pass = ({ stanza, via, stampedAt, archiveId }: Message, inbound: Inbound | undefined) => {
    if (archiveId !== undefined) {
      if (seen.has(archiveId)) {
        inbound?.done()
        return
      }
      seen.add(archiveId)
      if (seen.size > REMEMBERED) seen.delete(seen.values().next().value ?? "")
    }
    const entry = { isKept: false, archiveId }
    order.push(entry)
    queue.push({
      stanza,
      via,
      stampedAt,
      kept() {
        if (entry.isKept) return
        entry.isKept = true
        inbound?.done()
        settle()
      },
    })
  }
  return {
    deliver(message, inbound) {
      if (held !== undefined && message.via !== "mam") held.push([message, inbound])
      else pass(message, inbound)
    },
    holdLive() {
      held ??= []
    },
    releaseLive() {
      const waiting = held ?? []
      held = undefined
      for (const [message, inbound] of waiting) pass(message, inbound)
    },
    messages: (options) => queue.values(options),
    async cursor() {
      if (cursor !== undefined || state === undefined) return cursor
      const stored = await state.get(key)
      if (stored !== undefined) cursor = written = new TextDecoder().decode(stored.bytes)
      return cursor
    },
    setCursor(id) {
      if (held?.some(([message]) => message.archiveId !== undefined)) return
      cursor = id
      persist()
    },
    flush: () => writing,
    end: (error) => queue.end(error),
  }
}
