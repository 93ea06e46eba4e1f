import { mkdir, open, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { AurochsError } from "@aurochs/core"

/**
 * One service for a folder: two of them would send and answer everything twice.
 *
 * @throws {AurochsError} `CONFIGURATION` if another one runs
 */
export async function lockService(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const file = join(folder, "service.pid")
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const handle = await open(file, "wx", 0o600)
      await handle.writeFile(await identity(process.pid))
      await handle.close()
      return { [Symbol.asyncDispose]: () => rm(file, { force: true }) }
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
    }
    const holder = await readFile(file, "utf8").catch(() => "")
    const pid = Number(holder.split(" ")[0])
    if (pid > 0 && pid !== process.pid && holder === (await identity(pid))) {
      throw new AurochsError(
        "CONFIGURATION",
        `another aurochs-notify (process ${pid}) serves from ${folder}: stop it first`,
        {
          field: "storage.folder",
        },
      )
    }
    // Whoever wrote it was killed.
    await rm(file, { force: true })
  }
  throw new AurochsError("STORAGE", `${file} cannot be written`, { operation: "lock" })
}

/** A pid comes back after a restart of the machine; its start time does not. */
async function identity(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8")
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""}`
  } catch {
    return alive(pid) ? `${pid} ` : ""
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
