import type { BareJid } from "@aurochs/core"
import { Client } from "pg"
import { storageError } from "./connection.ts"

/** Longest wait for the database, in milliseconds. */
const TIMEOUT_MS = 5_000

/**
 * Says that this process works on the account's outbox alone, for as long as the connection behind it stands: it ends
 * with the process, also by a kill. For `exclusive` of a bot.
 *
 * @param options.namespace as of `postgresStorage`
 * @returns undefined if another process has said so
 * @throws {AurochsError} `STORAGE`
 */
export async function soleUser(options: {
  readonly url: string
  readonly account: BareJid
  readonly namespace?: string | undefined
}): Promise<AsyncDisposable | undefined> {
  const { url, account, namespace = "" } = options
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    keepAlive: true,
    application_name: "aurochs",
  })
  // Without a listener a database that goes away would end the process.
  client.on("error", () => {})
  const name = JSON.stringify(["aurochs", "sole-user", namespace, account])
  try {
    await client.connect()
    const { rows } = await client.query<{ free: boolean }>(
      "select pg_try_advisory_lock(hashtextextended($1, 0)) as free",
      [name],
    )
    if (rows[0]?.free === true) return { [Symbol.asyncDispose]: () => client.end().catch(() => {}) }
  } catch (error) {
    await client.end().catch(() => {})
    throw storageError("soleUser", error)
  }
  await client.end()
  return undefined
}
