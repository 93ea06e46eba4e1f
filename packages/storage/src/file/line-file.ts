import { type FileHandle, open } from "node:fs/promises"
import { dirname } from "node:path"
import { throwIfAborted } from "@aurochs/core"
import type { Lines } from "../backing.ts"
import { type JsonFormat, Malformed } from "../json.ts"
import { queue } from "../queue.ts"
import { damagedLine, fileMode, guarded, isAbsent, isTorn, readLines, syncFolder } from "./io.ts"
import type { JournalPlace } from "./journal.ts"

/** Lines of JSON in one file. Nothing of it stays in memory. */
export function lineFile<T>(place: JournalPlace, format: JsonFormat<T>): Lines<T> {
  const { path, lock } = place
  const inTurn = queue()
  /** Whole lines reach up to here, as far as this instance knows. */
  let whole = 0

  const append = async (line: T) => {
    const handle = await open(path, "a+", fileMode)
    try {
      const { size } = await handle.stat()
      if (size === 0) await syncFolder(dirname(path))
      // What a crash left half written was told to nobody.
      if (size !== whole) await handle.truncate(await endOfWhole(handle, size < whole ? 0 : whole, size))
      await handle.appendFile(`${JSON.stringify(format.write(line))}\n`)
      await handle.datasync()
      whole = (await handle.stat()).size
    } finally {
      await handle.close()
    }
  }

  return {
    append: (operation, line, options) =>
      inTurn(
        () =>
          guarded(operation, path, async () => {
            await place.ready()
            await lock(operation, () => append(line), options)
          }),
        options,
      ),
    async *all(operation, options) {
      throwIfAborted(options)
      await place.ready()
      const handle = await guarded(operation, path, () => openIfThere(path))
      if (handle === undefined) return
      try {
        const { size } = await handle.stat()
        for await (const line of readLines(handle, 0, size)) {
          throwIfAborted(options)
          if (isTorn(line)) return
          yield parsed(operation, path, line.text, line.start, format)
        }
      } finally {
        await handle.close()
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function endOfWhole(handle: FileHandle, from: number, size: number): Promise<number> {
  let end = from
  for await (const line of readLines(handle, from, size)) if (!isTorn(line)) end = line.next
  return end
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r")
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

function parsed<T>(operation: string, path: string, text: string, start: number, format: JsonFormat<T>): T {
  try {
    return format.read(JSON.parse(text), "line")
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof Malformed)) throw error
    throw damagedLine(operation, path, start, error)
  }
}
