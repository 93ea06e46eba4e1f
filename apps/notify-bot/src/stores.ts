import { chmod, mkdir } from "node:fs/promises"
import { join } from "node:path"
import { AurochsError } from "@aurochs/core"
import { embeddedPostgres } from "@aurochs/postgres-embedded"
import { fileStorage, type Storage } from "@aurochs/storage"
import { migrate, postgresStorage } from "@aurochs/storage-postgres"
import type { StorageConfig } from "./config.ts"

/** The stores of one configuration, open. */
export interface Stores extends AsyncDisposable {
  readonly storage: Storage
  readonly databaseUrl: string
  /** Was a database taken over that a killed process, or another command that still runs, had started? */
  readonly adopted: boolean
}

/** How the embedded database is used. */
export type Role =
  /** The service: starts it, adopts what a kill left behind, and stops it at the end. */
  | "serve"
  /** A command beside it: uses a running one and leaves it running; stops only what it started. */
  | "visit"

/**
 * Opens the database (the one given, or an embedded one in the folder) and the folder with the secret keys, which are
 * never in the database: a dump of it opens nothing.
 *
 * @throws {AurochsError} `CONFIGURATION` if migrations are missing, `STORAGE` if the database is away
 */
export async function openStores(
  config: StorageConfig,
  options: { readonly role: Role; readonly onError: (error: unknown) => void },
): Promise<Stores> {
  await privateFolder(config.folder)
  const database = await startDatabase(config, options.role)
  try {
    if (config.databaseUrl === undefined) await migrate({ url: database.url })
    const postgres = await postgresStorage({ url: database.url, onError: options.onError })
    const files = await fileStorage(join(config.folder, "keys"))
    const storage: Storage = { ...postgres, secrets: files.secrets }
    return {
      storage,
      databaseUrl: database.url,
      adopted: database.adopted,
      async [Symbol.asyncDispose]() {
        await postgres[Symbol.asyncDispose]()
        await files[Symbol.asyncDispose]()
        await database.stop()
      },
    }
  } catch (error) {
    await database.stop()
    throw error
  }
}

/** Brings the database to the version this program needs; the migrations that were applied. */
export async function migrateStores(config: StorageConfig): Promise<readonly string[]> {
  if (config.databaseUrl === undefined) await privateFolder(config.folder)
  const database = await startDatabase(config, "visit")
  try {
    return (await migrate({ url: database.url })).applied
  } finally {
    await database.stop()
  }
}

async function startDatabase(config: StorageConfig, role: Role) {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl, adopted: false, stop: async () => {} }
  const database = await embeddedPostgres({ folder: join(config.folder, "postgres") })
  const leave = role === "visit" && database.adopted
  return { url: database.url, adopted: database.adopted, stop: leave ? async () => {} : () => database.stop() }
}

async function privateFolder(folder: string): Promise<void> {
  try {
    // Others may pass through (the embedded database runs as another user when this one is root), but not look in.
    await mkdir(folder, { recursive: true, mode: 0o711 })
    await chmod(folder, 0o711)
  } catch {
    throw new AurochsError("CONFIGURATION", `storage.folder ${folder} cannot be made or is not this user's`, {
      field: "storage.folder",
    })
  }
}
