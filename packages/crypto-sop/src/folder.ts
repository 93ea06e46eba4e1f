import { rmSync } from "node:fs"
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { backend } from "./errors.ts"
import type { Leftovers } from "./leftovers.ts"

/** A folder that only this user can enter (0700), for one run of the program. */
export interface Folder {
  readonly path: string
  /** Writes a new file, 0600; its path. */
  write(name: string, bytes: Uint8Array): Promise<string>
  /** What the program wrote into a file; undefined if nothing, or more than `maxBytes`. */
  read(name: string, maxBytes: number): Promise<Uint8Array | undefined>
}

/**
 * Gives `work` a folder, and removes it with all that is in it, whatever became of the work.
 *
 * @param parent where it is made
 * @param name of the backend, for errors
 * @throws {AurochsError} `BACKEND` if it cannot be made
 */
export async function withFolder<T>(
  parent: string,
  name: string,
  left: Leftovers,
  work: (folder: Folder) => Promise<T>,
): Promise<T> {
  const path = await mkdtemp(join(parent, "aurochs-sop-")).catch(() => {
    throw backend(name, `no folder can be made in ${parent}`)
  })
  const forget = left.add(() => {
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // The process is ending; there is nobody to tell.
    }
  })
  try {
    return await work(folderAt(path))
  } finally {
    await rm(path, { recursive: true, force: true, maxRetries: 3 })
    forget()
  }
}

function folderAt(path: string): Folder {
  return {
    path,
    async write(name, bytes) {
      const file = join(path, name)
      await writeFile(file, bytes, { mode: 0o600, flag: "wx" })
      return file
    },
    async read(name, maxBytes) {
      const file = join(path, name)
      const size = (await stat(file).catch(() => undefined))?.size ?? 0
      return size === 0 || size > maxBytes ? undefined : new Uint8Array(await readFile(file))
    },
  }
}
