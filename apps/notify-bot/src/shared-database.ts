import { randomUUID } from "node:crypto"
import { mkdir, readdir } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { AurochsError } from "@aurochs/core"
import { embeddedPostgres, type ProcessLock, processLock } from "@aurochs/postgres-embedded"

/** A database that is used. */
export interface SharedDatabase {
  readonly url: string
  /** It ran already: another command or the service uses it, or a kill left it behind. */
  readonly adopted: boolean
  /** Stops it, unless another process still uses it: the last one does. Again: nothing happens. */
  leave(): Promise<void>
}

/** Starting and stopping, recovery after a crash included, take less than this. */
const TURN_TIMEOUT_MS = 100_000

/**
 * Starts the embedded database of a folder, or uses the one that runs: the service and commands beside it share it.
 *
 * @throws {AurochsError} `UNSUPPORTED`, `CONFIGURATION`, `BACKEND`, `STORAGE` if another process starts or stops it
 *   without an end
 */
export async function sharedDatabase(folder: string): Promise<SharedDatabase> {
  const users = join(folder, "users")
  await mkdir(users, { recursive: true, mode: 0o700 })
  return alone(folder, async () => {
    const user = await processLock(join(users, randomUUID()))
    try {
      const { url, adopted, stop } = await embeddedPostgres({ folder: join(folder, "postgres") })
      let left: Promise<void> | undefined
      const leave = () =>
        alone(folder, async () => {
          await giveBack(user)
          if (!(await isUsed(users))) await stop()
        })
      return {
        url,
        adopted,
        leave() {
          left ??= leave()
          return left
        },
      }
    } catch (error) {
      await giveBack(user)
      throw error
    }
  })
}

/** Does a process that lives use it? Marks of killed ones are removed. */
async function isUsed(users: string): Promise<boolean> {
  for (const name of await readdir(users)) {
    const user = await processLock(join(users, name))
    if (user.kind === "held") return true
    await giveBack(user)
  }
  return false
}

/** Nobody else comes or goes meanwhile: a database is not stopped while another process begins to use it. */
async function alone<R>(folder: string, task: () => Promise<R>): Promise<R> {
  const file = join(folder, "database.lock")
  for (let waitedMs = 0; waitedMs < TURN_TIMEOUT_MS; waitedMs += 50) {
    const lock = await processLock(file)
    if (lock.kind === "taken") {
      await using _held = lock
      return await task()
    }
    await sleep(50)
  }
  throw new AurochsError("STORAGE", `another process starts or stops the database without an end: see ${file}`, {
    operation: "lock",
  })
}

async function giveBack(lock: ProcessLock): Promise<void> {
  if (lock.kind === "taken") await lock[Symbol.asyncDispose]()
}
