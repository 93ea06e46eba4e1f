import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

/**
 * Runs `work` while no other process of this machine does, as far as they all use this lock. A lock whose process is
 * gone is taken over.
 *
 * @param folder is made for the lock and removed afterwards
 */
export async function locked<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(folder), { recursive: true })
  while (!(await made(folder))) {
    if (await abandoned(folder)) await rm(folder, { recursive: true, force: true })
    await sleep(200)
  }
  try {
    await writeFile(join(folder, "pid"), String(process.pid))
    return await work()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function made(folder: string): Promise<boolean> {
  try {
    await mkdir(folder)
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === "EEXIST") return false
    throw error
  }
}

async function abandoned(folder: string): Promise<boolean> {
  const pid = Number(await readFile(join(folder, "pid"), "utf8").catch(() => ""))
  // No number yet: its process is about to write it.
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as { code?: unknown }).code === "ESRCH"
  }
}
