import { AurochsError, aborted, type CallOptions, isAurochsError, throwIfAborted } from "@aurochs/core"
import { Kysely, PostgresDialect, type Transaction } from "kysely"
import { Pool } from "pg"
import { naming } from "./named.ts"
import { type Database, schemaName, type Tables } from "./schema.ts"

/** A database that does not answer is told to the caller after this time; no call waits in silence. */
const connectionTimeoutMs = 5000
/** A connection that stays silent for this long is dead, e.g. because a cable was cut. */
const queryTimeoutMs = 30_000

/** A pool of connections. */
export interface Connection extends AsyncDisposable {
  readonly db: Database
  /** Runs a statement or more; what fails is told as `STORAGE`, without a value of any row. */
  run<R>(operation: string, task: (db: Database) => Promise<R>, options?: CallOptions): Promise<R>
  /**
   * Runs statements that come with every message, a few rows at a time: they are prepared once for each connection.
   *
   * With many rows use {@link Connection.run}: a plan that was made when the tables were empty is not for those, and
   * making another one costs little beside the rows.
   */
  often<R>(operation: string, task: (db: Database) => Promise<R>, options?: CallOptions): Promise<R>
  /** The same as `run`, in one transaction. */
  transact<R>(operation: string, task: (db: Transaction<Tables>) => Promise<R>, options?: CallOptions): Promise<R>
}

/** What every connection is made of. */
export interface ConnectionOptions {
  readonly url: string
  readonly maxConnections?: number | undefined
  /** Told of connections that broke while nobody used them. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** Milliseconds; 0: statements may take as long as they like. */
  readonly queryTimeoutMs?: number
}

/**
 * Makes a pool. It connects when it is first used, and again after the database was away.
 *
 * @throws {AurochsError} `CONFIGURATION` (field `database`) if the URL is none
 */
export function connection(options: ConnectionOptions): Connection {
  checkUrl(options.url)
  const timeoutMs = options.queryTimeoutMs ?? queryTimeoutMs
  const pool = new Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: connectionTimeoutMs,
    keepAlive: true,
    application_name: "aurochs",
    ...(timeoutMs > 0 && { query_timeout: timeoutMs }),
  })
  // Without a listener such an error would end the process.
  pool.on("error", (error) => options.onError?.(error))
  // The pool listens to idle clients only. One that is in use and fails twice (told to end, then reset) would end the
  // process; the query that was running is rejected anyway.
  pool.on("connect", (client) => client.on("error", () => {}))
  const over = (dialect: PostgresDialect): Database => new Kysely<Tables>({ dialect }).withSchema(schemaName)
  const db = over(new PostgresDialect({ pool }))
  const named = over(new PostgresDialect({ pool: naming(pool) }))
  let ending: Promise<void> | undefined
  const run: Connection["run"] = (operation, task, call) =>
    answered(
      operation,
      async () => {
        if (ending !== undefined) throw new AurochsError("STORAGE", "the storage was closed", { operation })
        return task(db)
      },
      call,
    )
  return {
    db,
    run,
    often: (operation, task, call) => run(operation, () => task(named), call),
    transact: (operation, task, call) => run(operation, () => db.transaction().execute(task), call),
    async [Symbol.asyncDispose]() {
      ending ??= pool.end()
      await ending
    },
  }
}

/**
 * Waits for an answer, or for the caller to give up. A statement that has begun runs to its end then, unobserved: an
 * aborted change was made as a whole or not at all.
 */
async function answered<R>(operation: string, task: () => Promise<R>, options: CallOptions | undefined): Promise<R> {
  throwIfAborted(options)
  const signal = options?.signal
  const result = task()
  try {
    if (signal === undefined) return await result
    return await new Promise<R>((resolve, reject) => {
      const onAbort = () => reject(aborted(signal))
      signal.addEventListener("abort", onAbort, { once: true })
      result.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort))
    })
  } catch (error) {
    throw storageError(operation, error)
  }
}

/**
 * The error without what the database says of rows: its details repeat their values, which may be keys.
 */
export function storageError(operation: string, error: unknown): unknown {
  if (isAurochsError(error)) return error
  const { code, severity, constraint } = error as { code?: unknown; severity?: unknown; constraint?: unknown }
  if (typeof severity === "string" && typeof code === "string") {
    const where = typeof constraint === "string" ? `, ${constraint}` : ""
    return new AurochsError("STORAGE", `the database refused it (SQLSTATE ${code}${where})`, { operation })
  }
  const why = typeof code === "string" ? ` (${code})` : ""
  return new AurochsError("STORAGE", `the database does not answer${why}`, { operation }, { cause: error })
}

/** The database refused it, because of a value perhaps; it is not away. */
export function isRefused(error: unknown): boolean {
  return isAurochsError(error, "STORAGE") && error.cause === undefined
}

function checkUrl(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : ""
  if (protocol === "postgres:" || protocol === "postgresql:") return
  // The URL itself is not repeated: it may hold a password.
  throw new AurochsError("CONFIGURATION", "the database URL does not begin with postgres://", { field: "database" })
}
