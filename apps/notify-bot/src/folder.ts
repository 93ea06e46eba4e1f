import { chmod, mkdir } from "node:fs/promises"
import { AurochsError } from "@aurochs/core"
import type { StorageConfig } from "./config.ts"

/**
 * Makes the folder if there is none. Nobody else may look in; with the embedded database others may pass through,
 * because that runs as another user when this one is root. A folder that is there already keeps its mode.
 *
 * @throws {AurochsError} `CONFIGURATION` if it cannot be made
 */
export async function makeFolder({ folder, databaseUrl }: StorageConfig): Promise<void> {
  const mode = databaseUrl === undefined ? 0o711 : 0o700
  try {
    const made = await mkdir(folder, { recursive: true, mode })
    // Whatever the umask took away.
    if (made !== undefined) await chmod(folder, mode)
  } catch {
    throw new AurochsError("CONFIGURATION", `storage.folder ${folder} cannot be made`, { field: "storage.folder" })
  }
}
