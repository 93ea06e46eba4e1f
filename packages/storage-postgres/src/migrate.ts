import { AurochsError } from "@aurochs/core"
import { type Kysely, sql } from "kysely"
import { Migrator } from "kysely/migration"
import { type Connection, connection, storageError } from "./connection.ts"
import { migrations } from "./migrations.ts"
import { type Database, schemaName } from "./schema.ts"

/** Held while migrations run: a number of our own, for `pg_advisory_lock`. */
const lockNumber = 5_274_893_401

/**
 * Brings the database to the version that this package needs. Several processes may do so at once.
 *
 * @param options.url `postgres://…`; its user must be allowed to create the schema `aurochs`
 * @returns the migrations that were applied, in order; none if there was nothing to do
 * @throws {AurochsError} `STORAGE` if the database is away or refuses, `CONFIGURATION` (field `database`) if it is newer
 */
export async function migrate(options: { readonly url: string }): Promise<{ readonly applied: string[] }> {
  // One connection holds the lock, the other works. Building an index may take long.
  await using link = connection({ url: options.url, maxConnections: 2, queryTimeoutMs: 0 })
  return await link.run("migrate", (db) =>
    db.connection().execute(async (holder) => {
      await sql`select pg_advisory_lock(${lockNumber})`.execute(holder)
      try {
        refuseNewer(await appliedMigrations(db))
        return { applied: await run(db) }
      } finally {
        await sql`select pg_advisory_unlock(${lockNumber})`.execute(holder)
      }
    }),
  )
}

/**
 * The migrations that {@link migrate} would apply, in order. Changes nothing.
 *
 * @throws {AurochsError} `STORAGE` if the database is away, `CONFIGURATION` (field `database`) if it is newer
 */
export async function pendingMigrations(options: { readonly url: string }): Promise<string[]> {
  await using link = connection({ url: options.url, maxConnections: 1 })
  return await pendingOn(link)
}

/** {@link pendingMigrations} on a connection that is there. */
export async function pendingOn(link: Connection): Promise<string[]> {
  const applied = await link.run("migrate", appliedMigrations)
  refuseNewer(applied)
  return Object.keys(migrations).filter((name) => !applied.includes(name))
}

async function run(db: Database): Promise<string[]> {
  const migrator = new Migrator({
    db: db as unknown as Kysely<never>,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableSchema: schemaName,
    migrationTableName: "migrations",
    migrationLockTableName: "migrations_lock",
  })
  const { error, results } = await migrator.migrateToLatest()
  if (error !== undefined) throw storageError("migrate", error)
  return (results ?? []).filter((one) => one.status === "Success").map((one) => one.migrationName)
}

async function appliedMigrations(db: Database): Promise<string[]> {
  const found = await sql<{ there: boolean }>`
    select to_regclass('aurochs.migrations') is not null as there`.execute(db)
  if (found.rows[0]?.there !== true) return []
  const { rows } = await sql<{ name: string }>`select name from aurochs.migrations order by name`.execute(db)
  return rows.map((row) => row.name)
}

function refuseNewer(applied: readonly string[]): void {
  const unknown = applied.find((name) => !Object.hasOwn(migrations, name))
  if (unknown === undefined) return
  throw new AurochsError("CONFIGURATION", `the database has migration ${unknown} of a newer version of this program`, {
    field: "database",
  })
}
