import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A folder that is removed by {@link removeFolder}. Others may pass through: as root, the database is another user. */
export async function temporaryFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `aurochs-${name}-`))
  await chmod(folder, 0o711)
  return folder
}

/** Removes it with all that is in it; undefined (a setup that failed) is fine. */
export async function removeFolder(folder: string | undefined): Promise<void> {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}
