import { rmSync } from "node:fs"
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { CallOptions } from "@aurochs/core"
import { backend } from "./errors.ts"
import type { Program } from "./run.ts"

/** A folder that only this user can enter (0700), for the runs of the program that one piece of work takes. */
export interface Folder {
  readonly path: string
  /** Writes a new file, 0600; its path. */
  write(name: string, bytes: Uint8Array): Promise<string>
  /** What the program wrote into a file; undefined if nothing, or more than `maxBytes`. */
  read(name: string, maxBytes: number): Promise<Uint8Array | undefined>
}

/**
 * Gives `work` its turn and a folder, and removes that with all that is in it, whatever became of the work. Whoever waits
 * for a turn has no folder yet: no secret key lies on disk for longer than the program needs it.
 *
 * @param parent where it is made
 * @throws {AurochsError} `BACKEND` if it cannot be made; `ABORTED` while it waits
 */
export function withFolder<T>(
  parent: string,
  program: Program,
  options: CallOptions,
  work: (folder: Folder) => Promise<T>,
): Promise<T> {
  return program.gate.through(options, () => inFolder(parent, program, work))
}

async function inFolder<T>(parent: string, program: Program, work: (folder: Folder) => Promise<T>): Promise<T> {
  const path = await mkdtemp(join(parent, "aurochs-sop-")).catch(() => {
    throw backend(program.name, `no folder can be made in ${parent}`)
  })
  const forget = program.left.add(() => removeNow(path))
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

/** Attempts and milliseconds between them: whoever writes into the folder has been ended, but may not have noticed yet. */
const ATTEMPTS = 40
const PAUSE_MS = 25

/** Removes a folder while this process ends: synchronously, and also while something in it comes and goes. */
function removeNow(path: string): void {
  for (let i = 0; i < ATTEMPTS; i++) {
    try {
      rmSync(path, { recursive: true, force: true })
      return
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}
