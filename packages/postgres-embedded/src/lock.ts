import { execFile } from "node:child_process"
import { randomUUID } from "node:crypto"
import { link, readFile, rename, rm, writeFile } from "node:fs/promises"
import { promisify } from "node:util"
import { isAlive } from "./process.ts"

/** What came of asking for a lock. Disposing of one that was taken gives it back. */
export type ProcessLock =
  | ({ readonly kind: "taken" } & AsyncDisposable)
  | {
      readonly kind: "held"
      /** A process that lives, perhaps this one. */
      readonly pid: number
    }

/**
 * Takes a lock that is a file for as long as this process lives or until it is given back; does not wait. One that a
 * killed process left behind is taken over, by one process only however many try. Processes of other machines and
 * containers are not seen.
 *
 * @param file the lock; files named after it lie beside it for moments
 */
export async function processLock(file: string): Promise<ProcessLock> {
  const content = `${await identity(process.pid)} ${randomUUID()}`
  // Linked into place, a lock is never seen without its content.
  const prepared = `${file}.${randomUUID()}`
  await writeFile(prepared, content, { flag: "wx", mode: 0o600 })
  try {
    const pid = await take(file, prepared)
    if (pid !== undefined) return { kind: "held", pid }
  } finally {
    await rm(prepared, { force: true })
  }
  return {
    kind: "taken",
    async [Symbol.asyncDispose]() {
      if ((await read(file)) === content) await rm(file, { force: true })
    },
  }
}

/**
 * Undefined if it was taken, else who has it. Only who holds a second lock may succeed a dead holder: of those who saw
 * the same dead one, the slower sees that it is no longer there, and never touches the lock of the quicker.
 */
async function take(file: string, prepared: string): Promise<number | undefined> {
  const succession = `${file}.next`
  for (;;) {
    if (await linked(prepared, file)) return undefined
    const holder = await read(file)
    if (holder === undefined) continue
    const pid = await living(holder)
    if (pid !== undefined) return pid
    const other = await take(succession, prepared)
    if (other !== undefined) return other
    if ((await read(file)) === holder) {
      // Replaces the dead one's and gives the second lock back, in one step.
      await rename(succession, file)
      return undefined
    }
    await rm(succession)
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false
    throw error
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8")
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined
    throw error
  }
}

/** The pid in a lock, if it is still the process that wrote it. */
async function living(content: string): Promise<number | undefined> {
  const pid = Number(content.split(" ")[0])
  if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined
  return content.startsWith(`${await identity(pid)} `) ? pid : undefined
}

/** A pid is given to another process later; together with its start and the machine's boot it is one process. */
async function identity(pid: number): Promise<string> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")
  return `${pid} ${await startOf(pid)} ${boot.trim()}`
}

/** Field 22 of `/proc/<pid>/stat` (clock ticks since boot), else what `ps` says. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)
  // The second field is the program's name in parentheses and may contain anything.
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""
  const environment = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" }
  const ps = promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)], { env: environment })
  return ps.then(
    ({ stdout }) => stdout.trim().replaceAll(/\s+/g, "-"),
    () => "",
  )
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code
}
