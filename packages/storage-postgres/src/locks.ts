import { sql, type Transaction } from "kysely"
import type { Tables } from "./schema.ts"

/**
 * Lets one transaction at a time add to this part of an account, until it ends: numbers are then committed in the
 * order in which they were given, and two who add the same keys in another order do not wait for each other.
 */
export async function lockAccount(
  db: Transaction<Tables>,
  part: "archive" | "outbox" | "secrets" | "audit",
  namespace: string,
  account: string,
): Promise<void> {
  const name = JSON.stringify(["aurochs", part, namespace, account])
  await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(db)
}
