import type { Programs } from "@aurochs/debian-programs"
import { afterAll, beforeAll, beforeEach } from "vitest"
import { removeFolder, temporaryFolder } from "./folder.ts"

/** Something that a test file works with, started once. */
export interface Needed<T> {
  /** Only within tests and hooks. */
  readonly it: T
}

/**
 * Starts what a test file needs, once, and stops it. Where its programs cannot be had, every test of the file is skipped
 * with the reason; whatever else goes wrong is a failure.
 *
 * @param o.programs gets the programs; only this may fail
 * @param o.start gets a folder of its own; the result is stopped at the end
 */
export function needs<T extends { stop(): Promise<void> }>(o: {
  readonly name: string
  readonly programs: () => Promise<Programs>
  readonly start: (programs: Programs, folder: string) => Promise<T>
}): Needed<T> {
  let running: T | undefined
  let reason: string | undefined
  let folder: string | undefined
  beforeAll(async () => {
    const programs = await o.programs().catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error)
      // Of what apt says, the error; not the whole command.
      reason = `${o.name} cannot be had: ${/E: .*/.exec(message)?.[0] ?? message.split("\n")[0]}`
      return undefined
    })
    if (programs === undefined) return
    folder = await temporaryFolder(o.name)
    running = await o.start(programs, folder)
  }, 300_000)
  beforeEach((context) => {
    if (reason !== undefined) context.skip(reason)
  })
  afterAll(async () => {
    await running?.stop()
    await removeFolder(folder)
  })
  return {
    get it() {
      if (running === undefined) throw new Error(`${o.name} is not running`)
      return running
    },
  }
}
