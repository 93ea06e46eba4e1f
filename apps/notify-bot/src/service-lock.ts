import { join } from "node:path"
import { AurochsError } from "@aurochs/core"
import { processLock } from "@aurochs/postgres-embedded"

/**
 * One service for a folder: two of them would send and answer everything twice. What a killed one left is taken over.
 *
 * @param folder it is there
 * @throws {AurochsError} `CONFIGURATION` if another one runs
 */
export async function lockService(folder: string): Promise<AsyncDisposable> {
  const lock = await processLock(join(folder, "service.pid"))
  if (lock.kind === "taken") return lock
  throw new AurochsError(
    "CONFIGURATION",
    `another aurochs-notify (process ${lock.pid}) serves from ${folder}: stop it first`,
    { field: "storage.folder" },
  )
}
