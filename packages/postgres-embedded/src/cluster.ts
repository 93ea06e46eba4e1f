import { randomBytes } from "node:crypto"
import { chmod, chown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { AurochsError, type CallOptions, throwIfAborted } from "@aurochs/core"
import type { Binaries } from "./binaries.ts"
import { type Owner, run } from "./process.ts"

/** The database's own user; there is no other. */
export const USER = "aurochs"

/** Paths in a folder of ours. */
export interface Layout {
  readonly folder: string
  readonly data: string
  readonly password: string
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
    log: at("server.log"),
    lock: at("starting"),
    native: at("native"),
  }
}

/**
 * Makes the folder; others may pass through (the server may run as another user), but not look in.
 *
 * @throws {AurochsError} `CONFIGURATION` if the server's user cannot get there, `ABORTED`
 */
export async function prepareFolder(paths: Layout, owner: Owner, options: CallOptions): Promise<void> {
  await mkdir(paths.folder, { recursive: true, mode: 0o711 })
  await chmod(paths.folder, 0o711)
  const { code } = await run("/bin/sh", ["-c", 'test -x "$1"', "sh", paths.folder], {
    ...owner,
    ...options,
    cwd: "/",
  })
  if (code === 0) return
  throw new AurochsError(
    "CONFIGURATION",
    `the database runs as the user nobody when this program runs as root, and that user cannot get to ${paths.folder}: choose a folder outside of private ones, e.g. below /var/lib, or run this program as an ordinary user`,
    { field: "folder" },
  )
}

/**
 * The cluster's password: made once, readable by this user only.
 *
 * @throws {AurochsError} `BACKEND` if it is lost
 */
export async function clusterPassword(paths: Layout): Promise<string> {
  try {
    return (await readFile(paths.password, "utf8")).trim()
  } catch (cause) {
    throw new AurochsError("BACKEND", `${paths.password} cannot be read`, { backend: "postgres" }, { cause })
  }
}

/**
 * Makes a cluster if there is none. It is made beside its place and moved there complete: what is at its place is
 * never removed, whatever it is.
 *
 * @throws {AurochsError} `BACKEND`, `ABORTED`
 */
export async function ensureCluster(
  paths: Layout,
  programs: Binaries,
  owner: Owner,
  durable: boolean,
  options: CallOptions,
): Promise<void> {
  if ((await look(paths.data)) === "cluster") return
  for (const name of await readdir(paths.folder)) {
    // What a kill left behind; its initdb may still write there, so none of these names is used again.
    if (name.startsWith(UNFINISHED))
      await rm(join(paths.folder, name), { recursive: true, force: true }).catch(() => {})
  }
  const unfinished = await mkdtemp(join(paths.folder, UNFINISHED))
  try {
    await initialise(unfinished, paths, programs, owner, durable, options)
    throwIfAborted(options)
    await rename(unfinished, paths.data)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  if (durable) await sync(paths.folder)
}

const UNFINISHED = "data.new-"

/** What is at a cluster's place? Only what is known to be absent counts as absent. */
async function look(data: string): Promise<"cluster" | "nothing"> {
  try {
    // An empty folder is replaced by the rename.
    const names = await readdir(data)
    if (names.includes("PG_VERSION")) return "cluster"
    if (names.length === 0) return "nothing"
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return "nothing"
    throw new AurochsError("BACKEND", `${data} cannot be read`, { backend: "postgres" }, { cause })
  }
  throw new AurochsError("BACKEND", `${data} is not a complete database: repair it or move it away`, {
    backend: "postgres",
  })
}

async function initialise(
  data: string,
  paths: Layout,
  programs: Binaries,
  owner: Owner,
  durable: boolean,
  options: CallOptions,
): Promise<void> {
  const password = randomBytes(24).toString("hex")
  const passwordForInitdb = join(paths.folder, "password.new")
  await rm(passwordForInitdb, { force: true })
  try {
    // Beside the cluster before the cluster is at its place: there is never one without the other.
    await writeFile(paths.password, `${password}\n`, { mode: 0o600, flush: durable })
    await writeFile(passwordForInitdb, `${password}\n`, { mode: 0o600, flag: "wx" })
    await writeFile(paths.log, "", { mode: 0o600 })
    if (owner.uid !== undefined && owner.gid !== undefined) {
      for (const path of [data, passwordForInitdb, paths.log]) await chown(path, owner.uid, owner.gid)
    }
    const settings = ["-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-instructions"]
    // Without --no-sync, initdb ends after all files are on the disk.
    const args = ["-D", data, `--pwfile=${passwordForInitdb}`, ...settings, ...(durable ? [] : ["--no-sync"])]
    const { code, output } = await run(programs.initdb, args, { ...owner, ...options, cwd: data })
    if (code !== 0) {
      throw new AurochsError("BACKEND", `initdb failed: ${output.trim().split("\n").at(-1)}`, {
        backend: "initdb",
        exitCode: code,
      })
    }
    if (durable) await sync(data)
  } finally {
    await rm(passwordForInitdb, { force: true })
  }
}

/** Names in a folder are on the disk once the folder is. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
