import { type FileHandle, open } from "node:fs/promises"
import { dirname } from "node:path"
import { AurochsError } from "@aurochs/core"
import type { Change, Row, Table, TableShape, Transaction } from "../backing.ts"
import { fields, list, Malformed, optional, text } from "../json.ts"
import { queue } from "../queue.ts"
import { idAfter, isId, rowSet } from "../rows.ts"
import { damaged, damagedLine, guarded, isTorn, type Line, readLines, replaceFile, statOf, syncFolder } from "./io.ts"
import type { Lock } from "./lock.ts"

const format = 1
/** Rows in one line of a rewritten journal. */
const rowsPerLine = 500
/** A journal is rewritten once it holds this many records more than twice its rows. */
const slackRecords = 1000

/** Where a journal lies. */
export interface JournalPlace {
  readonly path: string
  /** A folder for temporary files on the same file system. */
  readonly scratch: string
  readonly lock: Lock
  /** Makes the folders; again if it failed. */
  ready(): Promise<void>
}

/**
 * A table as a file of JSON lines, one for each transaction. Writers hold the lock; whoever looks first reads what
 * others have added. A rewritten journal is another file, which is how others notice.
 */
export function journalTable<T extends Row>(place: JournalPlace, shape: TableShape<T>): Table<T> {
  const { path, scratch, lock } = place
  const inTurn = queue()
  const header = `${JSON.stringify({ aurochs: shape.name, format })}\n`
  let file: { readonly handle: FileHandle; readonly identity: string } | undefined
  let rows = rowSet(shape.keysOf)
  /** Up to here the file is in `rows`. */
  let offset = 0
  let records = 0
  let closed = false
  let swept = false
  /** A write may not have reached the disk: the file is rewritten before anything is added behind it. */
  let suspect = false

  const forget = async () => {
    await file?.handle.close()
    file = undefined
    rows = rowSet(shape.keysOf)
    offset = 0
    records = 0
  }

  const applyLine = (operation: string, line: Line) => {
    try {
      const raw = fields(JSON.parse(line.text), "line")
      if (line.start === 0) return checkHeader(operation, path, shape.name, raw)
      const put = optional(list(shape.format.read))(raw.put, "put") ?? []
      const drop = optional(list(text))(raw.drop, "drop") ?? []
      const last = optional(text)(raw.last, "last") ?? ""
      if (![...put.map((row) => row.id), ...drop].every(isId) || (last !== "" && !isId(last)))
        throw new Malformed("an id is none")
      rows.apply({ put, drop, last })
      records += put.length + drop.length
    } catch (error) {
      if (!(error instanceof SyntaxError) && !(error instanceof Malformed)) throw error
      throw damagedLine(operation, path, line.start, error)
    }
  }

  /** Reads what was added since. Only a writer may cut off what a crash left half written. */
  const catchUp = async (operation: string, writing: boolean) => {
    const there = await statOf(path)
    if (there === undefined) {
      if (file !== undefined) throw damaged(operation, path, "it is gone")
      return
    }
    if (file?.identity !== there.identity) {
      await forget()
      const handle = await open(path, "r+")
      const { dev, ino } = await handle.stat({ bigint: true })
      file = { handle, identity: `${dev}:${ino}` }
    }
    try {
      const { size } = await file.handle.stat()
      if (size < offset) throw damaged(operation, path, "it is shorter than it was")
      for await (const line of readLines(file.handle, offset, size)) {
        if (isTorn(line)) {
          if (writing) await file.handle.truncate(offset)
          break
        }
        applyLine(operation, line)
        offset = line.next
      }
    } catch (error) {
      await forget()
      throw error
    }
  }

  const rewrite = async () => {
    const lines = [header, `${JSON.stringify({ last: rows.last })}\n`]
    const all = [...rows.all.values()].map((row) => shape.format.write(row))
    for (let at = 0; at < all.length; at += rowsPerLine)
      lines.push(`${JSON.stringify({ put: all.slice(at, at + rowsPerLine) })}\n`)
    await replaceFile(scratch, path, lines.join(""))
    await syncFolder(dirname(path))
  }

  const commit = async (operation: string, change: Change<T>) => {
    if (file === undefined || suspect) {
      await rewrite()
      suspect = false
      await forget()
      await catchUp(operation, true)
    }
    const { put = [], drop = [] } = change
    const line = Buffer.from(`${JSON.stringify({ put: put.map((row) => shape.format.write(row)), drop })}\n`)
    if (file === undefined) throw damaged(operation, path, "it is gone")
    try {
      for (let done = 0; done < line.length; )
        done += (await file.handle.write(line, done, line.length - done, offset + done)).bytesWritten
      await file.handle.datasync()
    } catch (error) {
      suspect = true
      await forget()
      throw error
    }
    offset += line.length
    records += put.length + drop.length
    rows.apply(change)
    // What was committed stands, also where there is no room for a shorter journal.
    if (records > 2 * rows.all.size + slackRecords) await rewrite().catch(() => undefined)
  }

  const transaction = (operation: string): Transaction<T> => ({
    get rows() {
      return rows
    },
    nextId: (ahead) => idAfter(rows.last, ahead),
    commit: (change) => commit(operation, change),
  })

  const checked = <R>(operation: string, task: () => Promise<R>): Promise<R> =>
    guarded(operation, path, async () => {
      if (closed) throw new AurochsError("STORAGE", `${path} was closed`, { operation })
      await place.ready()
      return task()
    })

  return {
    read: (operation, view, options) =>
      inTurn(
        () =>
          checked(operation, async () => {
            await catchUp(operation, false)
            return view(rows)
          }),
        options,
      ),
    write: (operation, body, options) =>
      inTurn(
        () =>
          checked(operation, () =>
            lock(
              operation,
              async () => {
                await catchUp(operation, true)
                if (!swept) await shape.blobs.sweep(operation, (id) => rows.all.has(id))
                swept = true
                return body(transaction(operation))
              },
              options,
            ),
          ),
        options,
      ),
    [Symbol.asyncDispose]: () =>
      inTurn(async () => {
        closed = true
        await forget()
      }),
  }
}

function checkHeader(operation: string, path: string, name: string, raw: Readonly<Record<string, unknown>>): void {
  if (raw.aurochs !== name) throw damaged(operation, path, `it is no ${name} journal`)
  if (raw.format !== format)
    throw new AurochsError("STORAGE", `${path} was written by another version (format ${String(raw.format)})`, {
      operation,
    })
}
