import { randomUUID } from "node:crypto"
import { link, unlink } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { AurochsError, type CallOptions, throwIfAborted } from "@aurochs/core"
import { type Holder, isGone, parseHolder, thisProcess } from "./holder.ts"
import { errnoOf, guarded, nameFor, readText, removeFile, writeScratch } from "./io.ts"

/** Runs a task while nobody else, in this process or another, holds the same lock. */
export type Lock = <R>(operation: string, task: () => Promise<R>, options?: CallOptions) => Promise<R>

/** A lock of a process that nobody here can look for counts as left behind once it stood unchanged for this long. */
const foreignMs = 30_000
/** A lock is held for one operation; one that is held this long belongs to a process that hangs. */
const waitMs = 60_000
const longestPauseMs = 20

/**
 * A lock that is a file: it exists while it is held, and names its holder. One that a crash left behind is broken.
 *
 * @param path the file
 * @param scratch a folder for temporary files on the same file system
 */
export function lockFile(path: string, scratch: string): Lock {
  let self: Promise<Holder> | undefined
  return (operation, task, options) =>
    guarded(operation, path, async () => {
      self ??= thisProcess()
      const content = JSON.stringify({ ...(await self), nonce: randomUUID() })
      await take(operation, path, scratch, { content, self: await self }, options)
      try {
        return await task()
      } finally {
        await release(path, content)
      }
    })
}

interface Claim {
  readonly content: string
  readonly self: Holder
}

async function take(
  operation: string,
  path: string,
  scratch: string,
  claim: Claim,
  options: CallOptions | undefined,
): Promise<void> {
  throwIfAborted(options)
  // Linked into place, the lock is never seen without its content.
  const prepared = await writeScratch(scratch, claim.content, false)
  try {
    const begin = performance.now()
    let standing: { readonly content: string; readonly since: number } | undefined
    for (let pauseMs = 1; ; ) {
      throwIfAborted(options)
      if (await tryLink(prepared, path)) return
      const content = await readText(path)
      if (content === undefined) continue
      const now = performance.now()
      if (standing?.content !== content) standing = { content, since: now }
      if (await isLeftBehind(content, claim.self, now - standing.since)) {
        await breakLock(operation, path, scratch, content, options)
        continue
      }
      if (now - begin > waitMs) {
        const pid = parseHolder(content)?.pid
        throw new AurochsError("STORAGE", `${path} is held by process ${pid}, which does not go on`, { operation })
      }
      await sleep(pauseMs)
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    }
  } finally {
    await unlink(prepared)
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false
    throw error
  }
}

async function isLeftBehind(content: string, self: Holder, standsForMs: number): Promise<boolean> {
  const holder = parseHolder(content)
  if (holder === undefined) return true
  const found = await isGone(holder, self)
  return found === "gone" || (found === "unknown" && standsForMs > foreignMs)
}

/**
 * Removes one particular lock. Whoever wants to holds a lock named after its content, so that nobody removes the new
 * lock of somebody who was quicker.
 */
async function breakLock(
  operation: string,
  path: string,
  scratch: string,
  content: string,
  options: CallOptions | undefined,
): Promise<void> {
  const own = lockFile(`${path}.${nameFor(content).slice(0, 16)}`, scratch)
  await own(operation, () => release(path, content), options)
}

async function release(path: string, content: string): Promise<void> {
  if ((await readText(path)) === content) await removeFile(path)
}
