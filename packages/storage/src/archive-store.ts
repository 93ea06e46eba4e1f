import { AurochsError, type BareJid, type CallOptions, throwIfAborted } from "@aurochs/core"
import type { Archive, ArchiveEntry, ArchiveId, ArchiveQuery } from "./archive.ts"
import { type ArchiveRow, digestKey, entryFormat, rowFormat, rowOf } from "./archive-row.ts"
import type { Backing } from "./backing.ts"
import { entryDigest } from "./entry.ts"
import { base64 } from "./json.ts"

/** An archive on any backing. */
export function archiveOn(backing: Backing): Archive {
  const blobs = backing.blobs("archive", entryFormat)
  const table = backing.table<ArchiveRow>({
    name: "archive",
    format: rowFormat,
    keysOf: (row) => [digestKey(row)],
    blobs,
  })

  const load = async (operation: string, id: string, call?: CallOptions): Promise<ArchiveEntry | undefined> => {
    const row = await table.read(operation, (rows) => rows.all.get(id), call)
    if (row === undefined) return undefined
    const entry = await blobs.get(operation, id)
    if (entry !== undefined) return { ...entry, verdict: row.verdict, id: id as ArchiveId, handled: row.handled }
    // Removed in between, or lost.
    if ((await table.read(operation, (rows) => rows.all.get(id), call)) === undefined) return undefined
    throw new AurochsError("STORAGE", `the content of archive entry ${id} is gone`, { operation })
  }

  async function* entries(operation: string, select: (row: ArchiveRow) => boolean, options: Selection) {
    const ids = await table.read(operation, (rows) => chosen(rows.all.values(), select, options), options.call)
    for (const id of ids) {
      throwIfAborted(options.call)
      // Looked at again: it may have changed, or gone, since the reader began.
      const entry = await load(operation, id, options.call)
      if (entry !== undefined) yield entry
    }
  }

  const change = (operation: string, id: ArchiveId, next: (row: ArchiveRow) => ArchiveRow, options?: CallOptions) =>
    table.write(
      operation,
      async (tx) => {
        const row = tx.rows.all.get(id)
        if (row !== undefined) await tx.commit({ put: [next(row)] })
      },
      options,
    )

  const remove = (
    operation: string,
    pick: (rows: ReadonlyMap<string, ArchiveRow>) => string[],
    options?: CallOptions,
  ) =>
    table.write(
      operation,
      async (tx) => {
        const ids = pick(tx.rows.all)
        if (ids.length === 0) return 0
        await tx.commit({ drop: ids })
        await blobs.drop(operation, ids)
        return ids.length
      },
      options,
    )

  return {
    append: (entry, options) =>
      table.write(
        "archive.append",
        async (tx) => {
          const digest = base64(entryDigest(entry))
          const known = tx.rows.find(digestKey({ ...entry, digest }))
          if (known !== undefined) return { id: known.id as ArchiveId, isNew: false }
          const id = tx.nextId()
          await blobs.put("archive.append", [{ id, value: entry }])
          await tx.commit({ put: [rowOf(id, digest, entry)] })
          return { id: id as ArchiveId, isNew: true }
        },
        options,
      ),
    get: (id, options) => load("archive.get", id, options),
    read: (query, options) =>
      entries("archive.read", (row) => matches(row, query), {
        call: options,
        newFirst: query.order === "new-first",
        limit: query.limit,
      }),
    setVerdict: (id, verdict, options) =>
      change("archive.setVerdict", id, (row) => ({ ...row, verdict: { ...verdict } }), options),
    markHandled: (id, options) =>
      change(
        "archive.markHandled",
        id,
        (row) => ({
          ...row,
          handled: true,
          verdict: options?.verdict === undefined ? row.verdict : { ...options.verdict },
        }),
        options,
      ),
    unhandled: (account, options) =>
      entries("archive.unhandled", (row) => row.account === account && row.direction === "in" && !row.handled, {
        call: options,
      }),
    remove: (ids, options) =>
      remove("archive.remove", (rows) => [...new Set<string>(ids)].filter((id) => rows.has(id)), options),
    boundStrangers: (account, bounds, options) =>
      remove("archive.boundStrangers", (rows) => surplus(rows.values(), account, bounds), options),
    [Symbol.asyncDispose]: () => table[Symbol.asyncDispose](),
  }
}

interface Selection {
  readonly call?: CallOptions | undefined
  readonly newFirst?: boolean
  readonly limit?: number | undefined
}

function chosen(rows: Iterable<ArchiveRow>, select: (row: ArchiveRow) => boolean, options: Selection): string[] {
  let ids: string[] = []
  for (const row of rows) {
    if (!options.newFirst && ids.length === options.limit) break
    if (select(row)) ids.push(row.id)
  }
  if (options.newFirst) ids = ids.reverse().slice(0, options.limit)
  return ids
}

function matches(row: ArchiveRow, query: ArchiveQuery): boolean {
  const { after } = query
  return (
    row.account === query.account &&
    (query.peer === undefined || row.peer === query.peer) &&
    (query.direction === undefined || row.direction === query.direction) &&
    (query.outcome === undefined || row.verdict?.outcome === query.outcome) &&
    (query.since === undefined || row.at >= query.since.getTime()) &&
    (query.before === undefined || row.at < query.before.getTime()) &&
    (after === undefined || (query.order === "new-first" ? row.id < after : row.id > after))
  )
}

/** The oldest of the strangers' entries that are above the bounds. */
function surplus(
  rows: Iterable<ArchiveRow>,
  account: BareJid,
  bounds: { readonly maxEntries: number; readonly maxBytes: number },
): string[] {
  const strangers = [...rows].filter((row) => row.account === account && row.verdict?.stranger === true)
  let entries = strangers.length
  let total = strangers.reduce((sum, row) => sum + row.bytes, 0)
  const ids: string[] = []
  for (const row of strangers) {
    if (entries <= bounds.maxEntries && total <= bounds.maxBytes) break
    ids.push(row.id)
    entries -= 1
    total -= row.bytes
  }
  return ids
}
