import { join } from "node:path"
import type { BareJid } from "@aurochs/core"
import { fileStorage, type Storage } from "@aurochs/storage"
import { migrate, postgresStorage } from "@aurochs/storage-postgres"
import type { StorageConfig } from "./config.ts"
import { makeFolder } from "./folder.ts"
import { moveRevocations, ownStateInFiles } from "./own-state.ts"
import { type SharedDatabase, sharedDatabase } from "./shared-database.ts"

/** The stores of one configuration, open. */
export interface Stores extends AsyncDisposable {
  readonly storage: Storage
  readonly databaseUrl: string
  /** Was a database taken over that a killed process, or another command that still runs, had started? */
  readonly adopted: boolean
}

/**
 * Opens the database (the one given, or an embedded one in the folder) and the folder with the secret keys and what
 * belongs to them, which are never in the database: a dump of it opens nothing and revokes nothing. The service and commands beside it may have them open at once; the
 * last one stops an embedded database.
 *
 * @throws {AurochsError} `CONFIGURATION` if migrations are missing, `STORAGE` if the database is away
 */
export async function openStores(
  config: StorageConfig,
  options: { readonly account: BareJid; readonly onError: (error: unknown) => void },
): Promise<Stores> {
  await makeFolder(config)
  const database = await openDatabase(config)
  try {
    if (config.databaseUrl === undefined) await migrate({ url: database.url })
    const postgres = await postgresStorage({ url: database.url, onError: options.onError })
    const files = await fileStorage(join(config.folder, "keys"))
    const state = ownStateInFiles({ database: postgres.state, files: files.state })
    const storage: Storage = { ...postgres, secrets: files.secrets, state }
    await moveRevocations(options.account, { state, files: files.state, audit: postgres.audit })
    return {
      storage,
      databaseUrl: database.url,
      adopted: database.adopted,
      async [Symbol.asyncDispose]() {
        await postgres[Symbol.asyncDispose]()
        await files[Symbol.asyncDispose]()
        await database.leave()
      },
    }
  } catch (error) {
    await database.leave()
    throw error
  }
}

/** Brings the database to the version this program needs; the migrations that were applied. */
export async function migrateStores(config: StorageConfig): Promise<readonly string[]> {
  if (config.databaseUrl === undefined) await makeFolder(config)
  const database = await openDatabase(config)
  try {
    return (await migrate({ url: database.url })).applied
  } finally {
    await database.leave()
  }
}

async function openDatabase({ databaseUrl, folder }: StorageConfig): Promise<SharedDatabase> {
  if (databaseUrl === undefined) return sharedDatabase(folder)
  return { url: databaseUrl, adopted: false, leave: async () => {} }
}
