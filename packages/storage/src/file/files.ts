import { link, readdir, rmdir, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import { AurochsError, throwIfAborted } from "@aurochs/core"
import type { Blobs, Claims, Documents } from "../backing.ts"
import type { JsonFormat } from "../json.ts"
import { queue } from "../queue.ts"
import {
  ensureFolder,
  errnoOf,
  guarded,
  isAbsent,
  nameFor,
  readText,
  removeFile,
  replaceFile,
  syncFolder,
  writeScratch,
} from "./io.ts"
import type { Lock } from "./lock.ts"

/** A folder of files. */
export interface FolderPlace {
  readonly folder: string
  /** A folder for temporary files on the same file system. */
  readonly scratch: string
  readonly lock: Lock
  /** Makes the folders; again if it failed. */
  ready(): Promise<void>
}

const suffix = ".json"
/** Of an id: so that a folder has at most a thousand files. */
const groupDigits = 13

/** Each blob is a file, `<first digits of the id>/<id>.json`. */
export function blobFiles<T>(place: FolderPlace, format: JsonFormat<T>): Blobs<T> {
  const pathOf = (id: string) => join(place.folder, id.slice(0, groupDigits), `${id}${suffix}`)
  const drop = async (operation: string, ids: readonly string[]) => {
    const groups = new Set<string>()
    for (const id of ids) {
      const path = pathOf(id)
      await guarded(operation, path, () => removeFile(path))
      groups.add(dirname(path))
    }
    for (const group of groups) await guarded(operation, group, () => dropEmptyFolder(group))
  }
  return {
    async put(operation, items) {
      const groups = new Set<string>()
      for (const { id, value } of items) {
        const path = pathOf(id)
        await guarded(operation, path, async () => {
          if (!groups.has(dirname(path))) await ensureFolder(dirname(path))
          await replaceFile(place.scratch, path, JSON.stringify(format.write(value)))
        })
        groups.add(dirname(path))
      }
      for (const group of groups) await guarded(operation, group, () => syncFolder(group))
    },
    get(operation, id) {
      const path = pathOf(id)
      return guarded(operation, path, async () => {
        const json = await readText(path)
        return json === undefined ? undefined : format.read(JSON.parse(json), "content")
      })
    },
    drop,
    async sweep(operation, isLive) {
      const orphans: string[] = []
      for (const group of await namesIn(operation, place.folder))
        for (const name of await namesIn(operation, join(place.folder, group))) {
          const id = name.slice(0, -suffix.length)
          // Other people's files are left alone.
          if (name.endsWith(suffix) && id.slice(0, groupDigits) === group && !isLive(id)) orphans.push(id)
        }
      await drop(operation, orphans)
    },
  }
}

/** Each document is a file, named by the SHA-256 of its name. */
export function documentFiles<T>(place: FolderPlace, format: JsonFormat<T>): Documents<T> {
  const inTurn = queue()
  const load = (operation: string, path: string) =>
    guarded(operation, path, async () => {
      const json = await readText(path)
      return json === undefined ? undefined : format.read(JSON.parse(json), "document")
    })
  const pathOf = (name: string) => join(place.folder, `${nameFor(name)}${suffix}`)
  return {
    async get(operation, name, options) {
      throwIfAborted(options)
      await place.ready()
      return load(operation, pathOf(name))
    },
    async *all(operation, options) {
      throwIfAborted(options)
      await place.ready()
      for (const name of await namesIn(operation, place.folder)) {
        throwIfAborted(options)
        const document = name.endsWith(suffix) ? await load(operation, join(place.folder, name)) : undefined
        if (document !== undefined) yield document
      }
    },
    update: (operation, name, step, options) =>
      inTurn(async () => {
        await place.ready()
        const path = pathOf(name)
        return place.lock(
          operation,
          async () => {
            const { document, result } = step(await load(operation, path))
            await guarded(operation, path, async () => {
              if (document === "keep") return
              if (document === "delete") await removeFile(path)
              else await replaceFile(place.scratch, path, JSON.stringify(format.write(document)))
              await syncFolder(place.folder)
            })
            return result
          },
          options,
        )
      }, options),
    async [Symbol.asyncDispose]() {},
  }
}

/** Each claim is a file, named by the SHA-256 of what is claimed, made by the one who was first. */
export function claimFiles(place: FolderPlace): Claims {
  return {
    async claim(operation, name, by, options) {
      throwIfAborted(options)
      await place.ready()
      const digest = nameFor(name)
      const folder = join(place.folder, digest.slice(0, 3))
      const path = join(folder, digest)
      return guarded(operation, path, async () => {
        const before = await readClaim(operation, path)
        if (before !== undefined) return before
        await ensureFolder(folder)
        const prepared = await writeScratch(place.scratch, `${by}${claimEnd}`, true)
        try {
          await link(prepared, path)
        } catch (error) {
          if (errnoOf(error) !== "EEXIST") throw error
          return await readClaim(operation, path)
        } finally {
          await unlink(prepared)
        }
        await syncFolder(folder)
        return undefined
      })
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Shows that a claim is whole. */
const claimEnd = "\n"

async function readClaim(operation: string, path: string): Promise<string | undefined> {
  const content = await readText(path)
  if (content === undefined) return undefined
  if (!content.endsWith(claimEnd)) throw new AurochsError("STORAGE", `${path} is damaged: it has no end`, { operation })
  return content.slice(0, -claimEnd.length)
}

/** The names in a folder, sorted; none if there is no such folder. */
async function namesIn(operation: string, folder: string): Promise<string[]> {
  return guarded(operation, folder, async () => {
    try {
      return (await readdir(folder)).sort()
    } catch (error) {
      if (isAbsent(error) || errnoOf(error) === "ENOTDIR") return []
      throw error
    }
  })
}

async function dropEmptyFolder(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "")) throw error
  }
}
