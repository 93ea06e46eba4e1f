import { type CallOptions, cryptoRandom, randomId, throwIfAborted } from "@aurochs/core"
import { maxRunBytes, type Outbox, type OutboxId } from "@aurochs/storage"
import { sql } from "kysely"
import type { Connection } from "./connection.ts"
import { numbersOf, pages } from "./ids.ts"
import { claim } from "./outbox-claim.ts"
import { leased, returnedColumns, shown, shownColumns } from "./outbox-row.ts"
import { outboxWrites } from "./outbox-writes.ts"
import type { Database } from "./schema.ts"

const pageSize = 200

/** The outbox of one namespace. */
export function outboxOn(link: Connection, namespace: string): Outbox {
  const random = cryptoRandom()
  const writes = outboxWrites(link, namespace)
  const rowsOf = (db: Database) => db.updateTable("outbox").where("namespace", "=", namespace)
  /** Runs a change; the number of rows that it concerned. */
  const change = (
    operation: string,
    make: (db: Database) => { executeTakeFirst(): Promise<{ readonly numUpdatedRows: bigint }> },
    options?: CallOptions,
  ) => link.run(operation, async (db) => Number((await make(db).executeTakeFirst()).numUpdatedRows), options)

  return {
    enqueue: async (entries, options) => {
      throwIfAborted(options)
      return entries.length === 0 ? [] : await writes.enqueues.add(entries, options)
    },

    claim: (options) =>
      link.often(
        "outbox.claim",
        async (db) => {
          const lease = randomId(random)
          const perRecipient = options.perRecipient ?? 1
          const { rows } = await claim({ ...options, namespace, lease, perRecipient, maxBytes: maxRunBytes }).execute(
            db,
          )
          return rows.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1)).map((row) => leased(row, lease))
        },
        options,
      ),

    settle: ({ id, lease }, result, options) => writes.settlings.add({ id, lease, result }, options),

    async returned(sent, result, options) {
      const changed = await change(
        "outbox.returned",
        (db) =>
          rowsOf(db)
            .set(returnedColumns(result))
            .where("account", "=", sent.account)
            .where("stanza_id", "=", sent.stanzaId)
            .where("state", "=", "sent")
            .where("sealed", "is not", null),
        options,
      )
      return changed > 0 ? "settled" : "unknown"
    },

    forgetSent: (account, before, options) =>
      change(
        "outbox.forgetSent",
        (db) =>
          rowsOf(db)
            .set({ sealed: null, sealed_bytes: 0 })
            .where("account", "=", account)
            .where("state", "=", "sent")
            .where("sealed", "is not", null)
            .where("sent_at", "<", before),
        options,
      ),

    async wake(account, options) {
      await change(
        "outbox.wake",
        (db) => {
          const waiting = rowsOf(db)
            .set({ retry_at: null })
            .where("account", "=", account)
            .where("state", "=", "waiting")
            .where("retry_at", "is not", null)
          const { recipient } = options ?? {}
          return recipient === undefined ? waiting : waiting.where("recipient", "=", recipient)
        },
        options,
      )
    },

    release: (account, options) =>
      change(
        "outbox.release",
        (db) =>
          rowsOf(db)
            .set({ state: "waiting", lease: null, lease_ends_at: null })
            .where("account", "=", account)
            .where("state", "=", "leased"),
        options,
      ),

    unpark: (ids, options) => change("outbox.unpark", (db) => unparking(db, namespace, ids), options),

    waiting: (account, options) =>
      link.run(
        "outbox.waiting",
        async (db) => {
          const { count } = await db
            .selectFrom("outbox")
            .select(sql<string>`count(*)`.as("count"))
            .where("namespace", "=", namespace)
            .where("account", "=", account)
            .where("state", "in", ["waiting", "leased"])
            .executeTakeFirstOrThrow()
          return Number(count)
        },
        options,
      ),

    async *list(account, options) {
      const load = (behind: { readonly id: string } | undefined, size: number) =>
        link.run(
          "outbox.list",
          (db) =>
            db
              .selectFrom("outbox")
              .select(shownColumns)
              .where("namespace", "=", namespace)
              .where("account", "=", account)
              .where("id", ">", behind?.id ?? "0")
              .$if(options?.includeSent !== true, (rows) => rows.where("state", "!=", "sent"))
              .orderBy("id")
              .limit(size)
              .execute(),
          options,
        )
      for await (const row of pages(load, { ...options, pageSize })) yield shown(row)
    },

    drop: (ids, options) =>
      link.run(
        "outbox.drop",
        async (db) => {
          const { rows } = await sql`delete from aurochs.outbox
            where namespace = ${namespace} and id = any(${numbersOf(ids)}::bigint[]) returning 1`.execute(db)
          return rows.length
        },
        options,
      ),

    async [Symbol.asyncDispose]() {
      await writes.enqueues[Symbol.asyncDispose]()
      await writes.settlings[Symbol.asyncDispose]()
    },
  }
}

/** Puts those of them that are parked back into their places. */
function unparking(db: Database, namespace: string, ids: readonly OutboxId[]) {
  return db
    .updateTable("outbox")
    .set({ state: "waiting", because: null, retry_at: null })
    .where("namespace", "=", namespace)
    .where("state", "=", "parked")
    .where(sql<boolean>`id = any(${numbersOf(ids)}::bigint[])`)
}
