import { createHash, randomUUID } from "node:crypto"
import { chmod, type FileHandle, mkdir, open, readFile, rename, stat, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import { AurochsError, isAurochsError } from "@aurochs/core"
import { Malformed } from "../json.ts"

/** For the owner alone. */
export const fileMode = 0o600
const folderMode = 0o700

/** What the file system said, e.g. `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === "string" ? code : undefined
}

/** Is this error "there is no such file"? */
export function isAbsent(error: unknown): boolean {
  return errnoOf(error) === "ENOENT"
}

/** The error of a file that does not hold what was written to it. */
export function damaged(operation: string, path: string, what: string, cause?: unknown): AurochsError<"STORAGE"> {
  return new AurochsError("STORAGE", `${path} is damaged: ${what}`, { operation }, { cause })
}

/** The error of a line that cannot be read. What JSON.parse says is left out: it quotes the text. */
export function damagedLine(operation: string, path: string, start: number, error: unknown): AurochsError<"STORAGE"> {
  const what = `the line at byte ${start} cannot be read`
  return damaged(operation, path, what, error instanceof Malformed ? error : undefined)
}

/** Runs file operations; whatever fails becomes a `STORAGE` error that names the file. */
export async function guarded<R>(operation: string, path: string, task: () => Promise<R>): Promise<R> {
  try {
    return await task()
  } catch (error) {
    if (isAurochsError(error)) throw error
    if (error instanceof Malformed) throw damaged(operation, path, error.message, error)
    if (error instanceof SyntaxError) throw damaged(operation, path, "not JSON")
    const code = errnoOf(error)
    if (code === undefined) throw error
    throw new AurochsError("STORAGE", `${path}: ${code}`, { operation }, { cause: error })
  }
}

/** A file name for any text. */
export function nameFor(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

/** Makes the folder, or makes sure that nobody else can look into it. */
export async function ensureFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: folderMode })
  if (made !== undefined) await syncFolder(dirname(made))
  else if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, folderMode)
}

/** Makes names in a folder durable. Windows cannot, and does not need it. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes a file of its own into the scratch folder; the path of it. */
export async function writeScratch(scratch: string, content: string, sync: boolean): Promise<string> {
  const path = join(scratch, randomUUID())
  const handle = await open(path, "wx", fileMode)
  try {
    await handle.writeFile(content)
    if (sync) await handle.sync()
  } catch (error) {
    await unlink(path).catch(() => undefined)
    throw error
  } finally {
    await handle.close()
  }
  return path
}

/** Replaces a file as a whole; its folder still has to be synced. */
export async function replaceFile(scratch: string, path: string, content: string): Promise<void> {
  const temporary = await writeScratch(scratch, content, true)
  try {
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

/** A file's text, or undefined if there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Which file is at a path, if there is one: another file there has another identity for as long as the first is open. */
export async function statOf(path: string): Promise<{ readonly identity: string } | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return { identity: `${dev}:${ino}` }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Removes a file if there is one. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

/** A line of a file. */
export interface Line {
  readonly text: string
  /** Where it begins and where the next one does, in bytes. */
  readonly start: number
  readonly next: number
  /** False: the file ends before its line does. */
  readonly ended: boolean
  /** Is it the last one? */
  readonly last: boolean
}

const chunkBytes = 65_536

/** The lines from `start` to `end`, without holding more than one of them and a chunk. */
export async function* readLines(handle: FileHandle, start: number, end: number): AsyncGenerator<Line> {
  let pending: Buffer[] = []
  let lineStart = start
  for (let at = start; at < end; ) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - at))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) break
    at += bytesRead
    let from = 0
    for (;;) {
      const newline = chunk.subarray(0, bytesRead).indexOf(10, from)
      if (newline < 0) break
      const text = Buffer.concat([...pending, chunk.subarray(from, newline)]).toString("utf8")
      const next = at - bytesRead + newline + 1
      yield { text, start: lineStart, next, ended: true, last: next === end }
      pending = []
      lineStart = next
      from = newline + 1
    }
    if (from < bytesRead) pending.push(chunk.subarray(from, bytesRead))
  }
  if (pending.length > 0) {
    const text = Buffer.concat(pending).toString("utf8")
    yield { text, start: lineStart, next: end, ended: false, last: true }
  }
}

/**
 * Was this line cut off by a crash while it was written, so that nobody was told of it? It has no end, or the file
 * system kept its length but not its content: JSON never contains a NUL.
 */
export function isTorn(line: Line): boolean {
  return line.last && (!line.ended || line.text.includes("\0"))
}
