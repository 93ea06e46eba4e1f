import { rmSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Leftovers } from "./leftovers.ts"

/** A private folder for the length of one call. Nothing secret is ever in it: gpg gets certificates by file. */
export interface Folder {
  /** Writes a new file that nobody else may read; answers with its path. */
  file(name: string, bytes: Uint8Array): Promise<string>
}

/** Runs `work` with a private folder (0700, files 0600), which is removed whatever becomes of it. */
export async function withFolder<T>(left: Leftovers, work: (folder: Folder) => Promise<T>): Promise<T> {
  const path = await mkdtemp(join(tmpdir(), "aurochs-gnupg-"))
  const forget = left.add(() => removeNow(path))
  try {
    return await work({
      async file(name, bytes) {
        const file = join(path, name)
        await writeFile(file, bytes, { mode: 0o600, flag: "wx" })
        return file
      },
    })
  } finally {
    await rm(path, { recursive: true, force: true })
    forget()
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
