// Where an engine could leave something behind: the temporary folder and child processes. Only Node has either, so
// its modules are asked for by name at run time: this file also loads in a browser.

type Fs = typeof import("node:fs")
type Path = typeof import("node:path")
type Os = typeof import("node:os")

const PREFIX = "aurochs-suite-"

interface Node {
  readonly fs: Fs
  readonly path: Path
  readonly os: Os
  readonly process: NodeJS.Process
}

function node(): Node | undefined {
  const { process } = globalThis as { process?: NodeJS.Process }
  if (typeof process?.getBuiltinModule !== "function") return undefined
  const builtin = <T>(name: string) => process.getBuiltinModule(name) as T | undefined
  const [fs, path, os] = [builtin<Fs>("node:fs"), builtin<Path>("node:path"), builtin<Os>("node:os")]
  return fs && path && os ? { fs, path, os, process } : undefined
}

const VARIABLES = ["TMPDIR", "TEMP", "TMP"]

/** A regular file. */
export interface PlacedFile {
  readonly path: string
  /** What it lies below, or itself: one of {@link Place.entries}. */
  readonly entry: string
  readonly bytes: Uint8Array
  readonly modes: readonly number[]
}

/** A temporary folder that only the present case uses, until it is disposed. */
export interface Place extends Disposable {
  /** What lies in it, without what is below. */
  entries(): string[]
  /** Every regular file below it, with its permissions and those of the folders around it. */
  files(): PlacedFile[]
}

/**
 * Makes `os.tmpdir()` an empty folder of our own; if it is one already, that one. Undefined where there are no files.
 */
export function temporaryPlace(): Place | undefined {
  const found = node()
  if (found === undefined) return undefined
  const { fs, path, os, process } = found
  const outside = os.tmpdir()
  if (path.basename(outside).startsWith(PREFIX)) return { ...look(found, outside), [Symbol.dispose]() {} }
  const folder = fs.mkdtempSync(path.join(outside, PREFIX))
  const before = VARIABLES.map((name) => [name, process.env[name]] as const)
  for (const name of VARIABLES) process.env[name] = folder
  return {
    ...look(found, folder),
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function look({ fs, path }: Node, folder: string): Omit<Place, typeof Symbol.dispose> {
  const below = (parent: string, modes: readonly number[], entry?: string): PlacedFile[] =>
    names(fs, parent).flatMap((name) => {
      const at = path.join(parent, name)
      // It may be gone by now.
      const stat = fs.lstatSync(at, { throwIfNoEntry: false })
      if (stat === undefined) return []
      const all = [...modes, stat.mode & 0o777]
      const top = entry ?? name
      if (stat.isDirectory()) return below(at, all, top)
      return stat.isFile() ? [{ path: at, entry: top, bytes: read(fs, at), modes: all }] : []
    })
  return { entries: () => names(fs, folder).sort(), files: () => below(folder, []) }
}

function names(fs: Fs, folder: string): string[] {
  try {
    return fs.readdirSync(folder)
  } catch {
    return []
  }
}

function read(fs: Fs, file: string): Uint8Array {
  try {
    return new Uint8Array(fs.readFileSync(file))
  } catch {
    return new Uint8Array()
  }
}

/** Do files have permissions here? */
export function hasPermissions(): boolean {
  return node()?.process.platform !== "win32"
}

/** Process ids of our children; undefined where they cannot be told (proc(5), Linux only). */
export function childProcesses(): string[] | undefined {
  const found = node()
  if (found?.process.platform !== "linux") return undefined
  const tasks = `/proc/${found.process.pid}/task`
  try {
    return found.fs
      .readdirSync(tasks)
      .flatMap((task) => found.fs.readFileSync(`${tasks}/${task}/children`, "utf8").split(" "))
      .filter((pid) => pid.trim() !== "")
      .sort()
  } catch {
    return undefined
  }
}

/** Asks again until the answer is yes or `ms` have passed; the last answer. */
export async function eventually(question: () => boolean, ms = 3_000): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    if (question()) return true
    await pause(20)
  }
  return question()
}

/** @param ms milliseconds */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
