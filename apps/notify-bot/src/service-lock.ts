import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { AurochsError } from "@aurochs/core"
import { processLock } from "@aurochs/postgres-embedded"

/**
 * One service for a folder: two of them would send and answer everything twice. What a killed one left is taken over.
 *
 * @throws {AurochsError} `CONFIGURATION` if another one runs
 */
export async function lockService(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const lock = await processLock(join(folder, "service.pid"))
  if (lock.kind === "taken") return lock
  throw new AurochsError(
    "CONFIGURATION",
    `another aurochs-notify (process ${lock.pid}) serves from ${folder}: stop it first`,
    { field: "storage.folder" },
  )
}
