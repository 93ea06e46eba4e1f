import { storageOn } from "../memory.ts"
import type { Storage } from "../stores.ts"
import { fileBacking } from "./backing.ts"

/**
 * Keeps everything in a folder, for one bot on one machine: `durable`, readable by nobody else (folders 0700, files
 * 0600). Several instances and processes may use the folder at once. Nothing is touched until it is used; then each
 * call may reject with `STORAGE`, whose message names the file, or `CONFIGURATION` if the folder cannot be used.
 *
 * @param folder made if it is not there
 */
export function fileStore(folder: string): Storage {
  return storageOn(fileBacking(folder))
}

/**
 * {@link fileStore}, opened: a folder that cannot be used, and a journal that is damaged, are told at once.
 *
 * @param folder made if it is not there
 * @throws {AurochsError} `STORAGE` (the message names the file), `CONFIGURATION` (field `folder`)
 */
export async function fileStorage(folder: string): Promise<Storage> {
  const backing = fileBacking(folder)
  await backing.ready()
  const storage = storageOn(backing)
  try {
    // Reading anything reads the journals.
    await storage.archive.get("")
    for await (const _ of storage.outbox.list("")) break
  } catch (error) {
    await storage[Symbol.asyncDispose]()
    throw error
  }
  return storage
}
