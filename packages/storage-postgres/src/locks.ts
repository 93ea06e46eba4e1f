import { sql, type Transaction } from "kysely"
import type { Tables } from "./schema.ts"

/**
 * Lets one transaction at a time add to this part of an account, until it ends: numbers are then committed in the
 * order in which they were given, and two who add the same keys in another order do not wait for each other.
 */
export async function lockAccount(
  db: Transaction<Tables>,
  part: "archive" | "secrets" | "audit",
  namespace: string,
  account: string,
): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${lockName(part, namespace, account)}, 0))`.execute(db)
}

/** The same locks for a statement that takes them itself; sorted, so that two who need the same do not wait for each other. */
export function lockNames(
  part: "archive" | "outbox",
  namespace: string,
  rows: readonly { readonly account: string }[],
): string[] {
  return [...new Set(rows.map((row) => row.account))].sort().map((account) => lockName(part, namespace, account))
}

function lockName(part: string, namespace: string, account: string): string {
  return JSON.stringify(["aurochs", part, namespace, account])
}
