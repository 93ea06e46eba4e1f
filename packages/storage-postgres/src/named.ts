import { createHash } from "node:crypto"
import type { PostgresPool, PostgresQueryResult } from "kysely"
import type { Pool } from "pg"

/** Texts that get a name; there are about a dozen. */
const MAX_NAMED = 100

/**
 * The pool with every statement prepared on its connection, so that its text is read and its plan is made once. The name
 * follows from the text: a pooler in front of the database may hand a connection from one process to another.
 */
export function naming(pool: Pool): PostgresPool {
  const names = new Map<string, string>()
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text)
    if (known !== undefined || names.size >= MAX_NAMED) return known
    const name = `aurochs-${createHash("sha256").update(text).digest("hex").slice(0, 32)}`
    names.set(text, name)
    return name
  }
  return {
    options: pool.options,
    async connect() {
      const client = await pool.connect()
      function query<R>(text: string, values: ReadonlyArray<unknown>): Promise<PostgresQueryResult<R>> {
        const name = nameOf(text)
        return client.query({ text, values: [...values], ...(name !== undefined && { name }) }) as never
      }
      return { query: query as never, release: (destroy?: boolean) => client.release(destroy) }
    },
    end: () => pool.end(),
  }
}

/** SQLSTATEs of a statement that is not there, is there already, or does not fit its tables any more. */
const NOT_NAMED: ReadonlySet<unknown> = new Set(["26000", "42P05", "0A000"])

/** A pooler that does not know of prepared statements, or a migration under way: nothing was changed by it. */
export function isNamingTrouble(error: unknown): boolean {
  return error instanceof Error && "code" in error && NOT_NAMED.has(error.code)
}
