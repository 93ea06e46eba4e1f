import { existsSync } from "node:fs"
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { CryptoProvider } from "@aurochs/crypto"
import { type SopOptions, sop } from "../../src/index.ts"
import { reader } from "../programs.ts"

/** What the fake does at one subcommand. */
export interface Order {
  readonly output?: string
  readonly exitCode?: number
  /** Into the file that an option names. */
  readonly write?: Readonly<Record<string, string>>
  readonly endless?: boolean
  readonly sleepMs?: number
  /** Starts a process of its own. */
  readonly child?: boolean
  /** Prints its last argument's file to standard error. */
  readonly quote?: boolean
  /** Runs a real program instead, without arguments that end so, with more arguments. */
  readonly run?: string
  readonly drop?: readonly string[]
  readonly add?: readonly string[]
}

/** By subcommand; `told` is `decrypt --session-key-out`. */
export type Orders = Readonly<Record<string, Order>>

/** What the fake wrote down of one run. */
export interface Run {
  readonly event: "start" | "end"
  readonly pid: number
  readonly child?: number
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly folder: string
  readonly files: Readonly<Record<string, string>>
}

/** A fake program in a folder of its own. */
export interface Fake {
  readonly program: string
  /** Where folders for calls are made. */
  readonly folder: string
  env(orders: Orders): Record<string, string>
  provider(orders: Orders, options?: Partial<SopOptions>): CryptoProvider
  runs(): Promise<readonly Run[]>
  /** Resolves when it was started. */
  started(): Promise<Run>
  /** Folders of calls that are there now. */
  left(): Promise<readonly string[]>
  forget(): Promise<void>
  remove(): Promise<void>
}

export async function makeFake(): Promise<Fake> {
  const home = await mkdtemp(join(tmpdir(), "aurochs-fake-"))
  const [program, folder, log] = [join(home, "fake"), join(home, "calls"), join(home, "log")]
  await mkdir(folder)
  const code = fileURLToPath(new URL("program.mjs", import.meta.url))
  await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${code}" "$@"\n`)
  await chmod(program, 0o755)
  const fake: Fake = {
    program,
    folder,
    env: (orders) => ({ FAKE_ORDERS: JSON.stringify({ ...orders, log }) }),
    provider: (orders, options) => sop({ certificates: reader, program, folder, env: fake.env(orders), ...options }),
    async runs() {
      if (!existsSync(log)) return []
      const lines = (await readFile(log, "utf8")).split("\n").slice(0, -1)
      return lines.map((line) => JSON.parse(line) as Run)
    },
    async started() {
      for (;;) {
        const [run] = await fake.runs()
        if (run !== undefined) return run
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    left: () => readdir(folder),
    forget: () => rm(log, { force: true }),
    remove: () => rm(home, { recursive: true, force: true }),
  }
  return fake
}

/** Is there a process with this number? A zombie is one, until it is waited for. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Resolves when there is no such process any more. */
export async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10))
}
