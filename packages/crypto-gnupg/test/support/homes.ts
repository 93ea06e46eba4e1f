import { rm } from "node:fs/promises"
import { afterEach } from "vitest"
import type { GnupgOptions, GnupgProvider } from "../../src/index.ts"
import { freshHome, provider } from "./program.ts"

/** Homedirs and providers of one test, gone after it. */
export interface Homes {
  home(): Promise<string>
  provider(options?: Partial<GnupgOptions>): Promise<GnupgProvider>
}

/** Call it once in a test file. */
export function homes(): Homes {
  const undo: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const one of undo.splice(0).reverse()) await one()
  })
  const home = async () => {
    const path = await freshHome()
    undo.push(() => rm(path, { recursive: true, force: true }))
    return path
  }
  return {
    home,
    async provider(options = {}) {
      const made = await provider({ ...options, homedir: options.homedir ?? (await home()) })
      undo.push(async () => made[Symbol.asyncDispose]())
      return made
    },
  }
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
