// XEP-0313 v1.1.3: where in the account's archive we are.
import type { BareJid } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"

/** A place in the archive. */
export interface Position {
  /** Of the last message that was kept; undefined: none yet. */
  readonly id?: string | undefined
  /** When that was, in case the archive no longer knows it. */
  readonly at: Date
}

/** A message of the archive on its way to being kept. */
export interface ArchiveEntry {
  readonly id: string
  readonly at: Date
  isKept: boolean
  /** Called once, when it is kept. */
  readonly onKept: (() => void)[]
}

/** Follows what was kept, and never jumps over a gap. */
export interface Ledger {
  /** Reads the stored position, once. @throws {AurochsError} `STORAGE` */
  load(): Promise<Position | undefined>
  position(): Position | undefined
  /** Where a first start begins. */
  begin(position: Position): void
  /** Notes a message; `isNew`: it was not seen before. */
  note(id: string, at: Date, from: "archive" | "live"): { readonly entry: ArchiveEntry; readonly isNew: boolean }
  keep(entry: ArchiveEntry): void
  /** It was not delivered after all: the archive will be asked for it again. */
  forget(entry: ArchiveEntry): void
  /** A new session: between the position and what arrives live there is a gap. */
  behind(): void
  /** The gap is closed. */
  caughtUp(): void
  /** Resolves when the position is stored. */
  flush(): Promise<void>
}

/** Messages remembered, to know one again that comes live and from the archive. */
const REMEMBERED = 10_000

/** @param state where the position is kept; without it, in memory */
export function archiveLedger(account: BareJid, state: StateStore | undefined): Ledger {
  const key = `xmpp:mam-cursor:${account}`
  const known = new Map<string, ArchiveEntry>()
  let position: Position | undefined
  let loaded = false
  /** In the archive's order; the position moves over those at the front that are kept. */
  let inOrder: ArchiveEntry[] = []
  /** What arrived live while there is a gap before it; undefined if there is none. */
  let afterGap: ArchiveEntry[] | undefined = []
  let stored: Position | undefined
  let writing: Promise<void> = Promise.resolve()

  const store = () => {
    if (state === undefined) return
    // One write at a time, of the newest position. One that fails is made up for by the next: until then a restart
    // reads a little more of the archive.
    writing = writing
      .then(async () => {
        const next = position
        if (next === undefined || next === stored) return
        await state.put(key, write(next))
        stored = next
      })
      .catch(() => {})
  }
  const advance = () => {
    const before = position
    while (inOrder[0]?.isKept) {
      const { id, at } = inOrder.shift() as ArchiveEntry
      position = { id, at }
    }
    if (position !== before) store()
  }
  return {
    async load() {
      if (loaded) return position
      const value = await state?.get(key)
      loaded = true
      if (value !== undefined) position = stored = read(value.bytes)
      return position
    },
    position: () => position,
    begin(at) {
      position = at
      store()
    },
    note(id, at, from) {
      const before = known.get(id)
      const entry = before ?? { id, at, isKept: false, onKept: [] }
      if (before === undefined) {
        known.set(id, entry)
        for (const oldest of known.keys()) {
          if (known.size <= REMEMBERED) break
          known.delete(oldest)
        }
      }
      if (from === "archive") {
        // It is at its place in the archive now.
        afterGap = afterGap?.filter((other) => other !== entry)
        if (!inOrder.includes(entry)) inOrder.push(entry)
        advance()
      } else if (before === undefined) (afterGap ?? inOrder).push(entry)
      return { entry, isNew: before === undefined }
    },
    keep(entry) {
      if (entry.isKept) return
      entry.isKept = true
      for (const tell of entry.onKept.splice(0)) tell()
      advance()
    },
    forget: (entry) => void known.delete(entry.id),
    behind() {
      inOrder = []
      afterGap = []
    },
    caughtUp() {
      inOrder.push(...(afterGap ?? []))
      afterGap = undefined
      advance()
    },
    flush: () => writing,
  }
}

function write({ id, at }: Position): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ id, at: at.toISOString() }))
}

/** What cannot be read counts as absent: a first start. */
function read(bytes: Uint8Array): Position | undefined {
  try {
    const { id, at } = JSON.parse(new TextDecoder().decode(bytes)) as { id?: unknown; at?: unknown }
    const time = new Date(String(at))
    if (Number.isNaN(time.getTime())) return undefined
    return { id: typeof id === "string" ? id : undefined, at: time }
  } catch {
    return undefined
  }
}
