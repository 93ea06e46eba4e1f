import { createHash } from "node:crypto"
import type { PostgresPool, PostgresQueryResult } from "kysely"
import type { Pool } from "pg"

/** Texts that get a name; there are about a dozen. */
const MAX_NAMED = 100

/**
 * The pool with every statement prepared on its connection, so that its text is read and its plan is made once. The name
 * follows from the text: a pooler in front of the database may hand a connection from one process to another. Where the
 * database does not have what was prepared, or has it already, the statement did nothing: it is sent again without a name,
 * and so is every later one. For statements that stand alone, not within a transaction.
 */
export function naming(pool: Pool): PostgresPool {
  const names = new Map<string, string>()
  let mayName = true
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
      async function query<R>(text: string, values: ReadonlyArray<unknown>): Promise<PostgresQueryResult<R>> {
        const statement = { text, values: [...values] }
        const name = mayName ? nameOf(text) : undefined
        if (name === undefined) return client.query(statement) as never
        try {
          return (await client.query({ ...statement, name })) as never
        } catch (error) {
          if (!isNamingTrouble(error)) throw error
          mayName = false
          return client.query(statement) as never
        }
      }
      return { query: query as never, release: (destroy?: boolean) => client.release(destroy) }
    },
    end: () => pool.end(),
  }
}

/** SQLSTATEs of a statement that is not there, is there already, or does not fit its tables any more. */
const NOT_NAMED: ReadonlySet<unknown> = new Set(["26000", "42P05", "0A000"])

function isNamingTrouble(error: unknown): boolean {
  return error instanceof Error && "code" in error && NOT_NAMED.has(error.code)
}
