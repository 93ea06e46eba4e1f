import { AurochsError } from "@aurochs/core"
import type { Storage } from "@aurochs/storage"
import { archiveOn } from "./archive.ts"
import { auditOn } from "./audit.ts"
import { connection } from "./connection.ts"
import { pendingOn } from "./migrate.ts"
import { outboxOn } from "./outbox.ts"
import { seenOn } from "./seen.ts"
import { keysOn, secretsOn, stateOn } from "./small-stores.ts"

/** Where, and how much of it. */
export interface PostgresStorageOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string
  /** Bots that share a database each have their own; `default` by default. */
  readonly namespace?: string | undefined
  /** At most so many connections at once; 10 by default. */
  readonly maxConnections?: number | undefined
  /** Told when a connection broke that nobody was using, e.g. because the server was restarted. Nothing has to be done. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/**
 * Keeps everything in PostgreSQL, in the schema `aurochs`. Several processes may use it at once. While the database is
 * away, each call rejects with `STORAGE` within seconds; when it is back, calls succeed again.
 *
 * @throws {AurochsError} `CONFIGURATION` (field `database`) if migrations are missing (see {@link migrate}) or the URL is
 *   none, `STORAGE` if the database is away
 */
export async function postgresStorage(options: PostgresStorageOptions): Promise<Storage> {
  const link = connection(options)
  try {
    const pending = await pendingOn(link)
    if (pending.length > 0)
      throw new AurochsError("CONFIGURATION", `the database lacks ${pending.join(", ")}: run migrate first`, {
        field: "database",
      })
  } catch (error) {
    await link[Symbol.asyncDispose]()
    throw error
  }
  const namespace = options.namespace ?? "default"
  const grouped = {
    archive: archiveOn(link, namespace),
    outbox: outboxOn(link, namespace),
    seen: seenOn(link, namespace),
  }
  return {
    durable: true,
    ...grouped,
    keys: keysOn(link, namespace),
    secrets: secretsOn(link, namespace),
    state: stateOn(link, namespace),
    audit: auditOn(link, namespace),
    async [Symbol.asyncDispose]() {
      // What waits for its group is still written.
      for (const store of Object.values(grouped)) await store[Symbol.asyncDispose]()
      await link[Symbol.asyncDispose]()
    },
  }
}
