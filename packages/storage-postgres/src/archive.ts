import type { CallOptions } from "@aurochs/core"
import type { Archive, ArchiveQuery } from "@aurochs/storage"
import { type Expression, type ExpressionBuilder, type Selectable, type SqlBool, sql } from "kysely"
import { columnsOf, entryOf } from "./archive-row.ts"
import { archiveWrites } from "./archive-writes.ts"
import type { Connection } from "./connection.ts"
import { numberOf, numbersOf, pages } from "./ids.ts"
import { lockAccount } from "./locks.ts"
import type { ArchiveTable, Tables } from "./schema.ts"

/** Entries may have some hundred kilobytes each. */
const pageSize = 20

type Row = Selectable<ArchiveTable>

/** The archive of one namespace. */
export function archiveOn(link: Connection, namespace: string): Archive {
  const writes = archiveWrites(link, namespace)

  async function* entries(operation: string, query: ArchiveQuery, unhandled: boolean, options?: CallOptions) {
    const newFirst = query.order === "new-first"
    const load = (behind: Row | undefined, size: number) => {
      const after = behind?.id ?? query.after
      return link.run(
        operation,
        (db) =>
          db
            .selectFrom("archive")
            .selectAll()
            .where("namespace", "=", namespace)
            .where((expression) => matches(expression, query))
            .$if(unhandled, (rows) => rows.where("direction", "=", "in").where("handled", "=", false))
            .$if(after !== undefined, (rows) => rows.where("id", newFirst ? "<" : ">", numberOf(after ?? "") ?? "0"))
            .orderBy("id", newFirst ? "desc" : "asc")
            .limit(size)
            .execute(),
        options,
      )
    }
    for await (const row of pages(load, { ...options, pageSize, limit: query.limit })) yield entryOf(row, operation)
  }

  return {
    // The row is made while others are being written.
    append: async (entry, options) => writes.appends.add(columnsOf(entry), options),
    get: (id, options) =>
      link.run(
        "archive.get",
        async (db) => {
          const number = numberOf(id)
          if (number === undefined) return undefined
          const row = await db
            .selectFrom("archive")
            .selectAll()
            .where("namespace", "=", namespace)
            .where("id", "=", number)
            .executeTakeFirst()
          return row && entryOf(row, "archive.get")
        },
        options,
      ),
    read: (query, options) => entries("archive.read", query, false, options),
    setVerdict: (id, verdict, options) => writes.verdicts.add({ id, verdict }, options),
    markHandled: (id, options) => writes.handled.add({ id, verdict: options?.verdict }, options),
    unhandled: (account, options) => entries("archive.unhandled", { account }, true, options),
    remove: (ids, options) =>
      link.run(
        "archive.remove",
        async (db) => {
          const { rows } = await sql`delete from aurochs.archive
            where namespace = ${namespace} and id = any(${numbersOf(ids)}::bigint[]) returning 1`.execute(db)
          return rows.length
        },
        options,
      ),
    boundStrangers: (account, { maxEntries, maxBytes }, options) =>
      link.transact(
        "archive.boundStrangers",
        async (db) => {
          await lockAccount(db, "archive", namespace, account)
          // Counted from the newest: whatever lies beyond the bounds goes.
          const { rows } = await sql`delete from aurochs.archive where id in (
            select id from (
              select id, row_number() over newest as entries, sum(stanza_bytes) over newest as bytes
              from aurochs.archive where namespace = ${namespace} and account = ${account} and stranger
              window newest as (order by id desc)
            ) counted where entries > ${maxEntries} or bytes > ${maxBytes}
          ) returning 1`.execute(db)
          return rows.length
        },
        options,
      ),
    async [Symbol.asyncDispose]() {
      const { appends, verdicts, handled } = writes
      await Promise.all([appends, verdicts, handled].map((one) => one[Symbol.asyncDispose]()))
    },
  }
}

function matches(row: ExpressionBuilder<Tables, "archive">, query: ArchiveQuery): Expression<SqlBool> {
  const wanted: Expression<SqlBool>[] = [row("account", "=", query.account)]
  if (query.peer !== undefined) wanted.push(row("peer", "=", query.peer))
  if (query.direction !== undefined) wanted.push(row("direction", "=", query.direction))
  if (query.outcome !== undefined) wanted.push(row("outcome", "=", query.outcome))
  if (query.since !== undefined) wanted.push(row("at", ">=", query.since))
  if (query.before !== undefined) wanted.push(row("at", "<", query.before))
  return row.and(wanted)
}
