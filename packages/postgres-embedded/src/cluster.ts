import { randomBytes } from "node:crypto"
import { chmod, chown, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { AurochsError } from "@aurochs/core"
import type { Binaries } from "./binaries.ts"
import { type Owner, run } from "./process.ts"

/** The database's own user; there is no other. */
export const USER = "aurochs"

/** Paths in a folder of ours. */
export interface Layout {
  readonly folder: string
  readonly data: string
  readonly password: string
  readonly initialised: string
  readonly log: string
  readonly lock: string
  readonly native: string
}

/** @param folder absolute */
export function layout(folder: string): Layout {
  const at = (name: string) => join(folder, name)
  return {
    folder,
    data: at("data"),
    password: at("password"),
    initialised: at("initialised"),
    log: at("server.log"),
    lock: at("starting"),
    native: at("native"),
  }
}

/**
 * Makes the folder; others may pass through (the server may run as another user), but not look in.
 *
 * @throws {AurochsError} `CONFIGURATION` if the server's user cannot get there
 */
export async function prepareFolder(paths: Layout, owner: Owner): Promise<void> {
  await mkdir(paths.folder, { recursive: true, mode: 0o711 })
  await chmod(paths.folder, 0o711)
  const { code } = await run("/bin/sh", ["-c", 'test -x "$1"', "sh", paths.folder], { ...owner, cwd: "/" })
  if (code === 0) return
  throw new AurochsError(
    "CONFIGURATION",
    `the database runs as the user nobody when this program runs as root, and that user cannot get to ${paths.folder}: choose a folder outside of private ones, e.g. below /var/lib, or run this program as an ordinary user`,
    { field: "folder" },
  )
}

/** The cluster's password: made once, readable by this user only. */
export async function clusterPassword(paths: Layout): Promise<string> {
  return (await readFile(paths.password, "utf8")).trim()
}

/**
 * Runs initdb if there is no complete cluster; one that was interrupted is made anew.
 *
 * @throws {AurochsError} `BACKEND`
 */
export async function ensureCluster(paths: Layout, programs: Binaries, owner: Owner, durable: boolean): Promise<void> {
  if (await exists(paths.initialised)) return
  await rm(paths.data, { recursive: true, force: true })
  await mkdir(paths.data, { mode: 0o700 })
  const password = randomBytes(24).toString("hex")
  const passwordForInitdb = join(paths.folder, "password.new")
  await writeFile(paths.password, `${password}\n`, { mode: 0o600 })
  await writeFile(passwordForInitdb, `${password}\n`, { mode: 0o600 })
  await writeFile(paths.log, "", { mode: 0o600 })
  if (owner.uid !== undefined && owner.gid !== undefined) {
    for (const path of [paths.data, passwordForInitdb, paths.log]) await chown(path, owner.uid, owner.gid)
  }
  const options = [
    "-U",
    USER,
    "-A",
    "scram-sha-256",
    `--pwfile=${passwordForInitdb}`,
    "-E",
    "UTF8",
    "--locale=C",
    "--no-instructions",
  ]
  try {
    const args = ["-D", paths.data, ...options, ...(durable ? [] : ["--no-sync"])]
    const { code, output } = await run(programs.initdb, args, { ...owner, cwd: paths.data })
    if (code !== 0) {
      throw new AurochsError("BACKEND", `initdb failed: ${output.trim().split("\n").at(-1)}`, {
        backend: "initdb",
        exitCode: code,
      })
    }
  } finally {
    await rm(passwordForInitdb, { force: true })
  }
  await writeFile(paths.initialised, "")
}

async function exists(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  )
}
