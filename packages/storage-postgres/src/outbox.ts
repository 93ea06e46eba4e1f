import { type CallOptions, cryptoRandom, randomId } from "@aurochs/core"
import type { NewOutboxEntry, Outbox, OutboxId } from "@aurochs/storage"
import { type Selectable, sql, type Transaction } from "kysely"
import type { Connection } from "./connection.ts"
import { idOf, numberOf, numbersOf, pages } from "./ids.ts"
import { lockAccount } from "./locks.ts"
import { columnsOf, leased, settledColumns, shown, shownColumns } from "./outbox-row.ts"
import type { Database, OutboxTable, Tables } from "./schema.ts"

/** Rows in one statement: PostgreSQL takes at most 65,535 parameters. */
const batchRows = 500
const pageSize = 200

/** The outbox of one namespace. */
export function outboxOn(link: Connection, namespace: string): Outbox {
  const random = cryptoRandom()
  const rowsOf = (db: Database) => db.updateTable("outbox").where("namespace", "=", namespace)
  /** Runs a change; the number of rows that it concerned. */
  const change = (
    operation: string,
    make: (db: Database) => { executeTakeFirst(): Promise<{ readonly numUpdatedRows: bigint }> },
    options?: CallOptions,
  ) => link.run(operation, async (db) => Number((await make(db).executeTakeFirst()).numUpdatedRows), options)

  return {
    enqueue: (entries, options) => link.transact("outbox.enqueue", (db) => enqueue(db, namespace, entries), options),

    claim: (options) =>
      link.run(
        "outbox.claim",
        async (db) => {
          const lease = randomId(random)
          const { rows } = await claim({ ...options, namespace, lease }).execute(db)
          return rows.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1)).map((row) => leased(row, lease))
        },
        options,
      ),

    async settle(held, result, options) {
      const changed = await change(
        "outbox.settle",
        (db) =>
          rowsOf(db)
            .set(settledColumns(result))
            .where("id", "=", numberOf(held.id) ?? "0")
            .where("state", "=", "leased")
            .where("lease", "=", held.lease),
        options,
      )
      return changed > 0 ? "settled" : "lost"
    },

    async returned(sent, result, options) {
      const changed = await change(
        "outbox.returned",
        (db) =>
          rowsOf(db)
            .set(settledColumns(result))
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

    async [Symbol.asyncDispose]() {},
  }
}

/**
 * Leases the heads of the lines whose time has come. The head is the oldest row of a recipient that waits or is
 * leased. A row that somebody else is changing is left to them; one that was changed since the heads were looked for
 * is checked again, because the conditions stand beside the lock.
 */
function claim(o: {
  readonly namespace: string
  readonly account: string
  readonly now: Date
  readonly leaseMs: number
  readonly limit: number
  readonly lease: string
}) {
  const leaseEndsAt = new Date(o.now.getTime() + o.leaseMs)
  return sql<Selectable<OutboxTable>>`
    with heads as (
      select distinct on (recipient) id from aurochs.outbox
      where namespace = ${o.namespace} and account = ${o.account} and state in ('waiting', 'leased')
      order by recipient, id
    ), taken as materialized (
      select id from aurochs.outbox
      where id in (select id from heads) and (
        (state = 'waiting' and (retry_at is null or retry_at <= ${o.now}))
        or (state = 'leased' and lease_ends_at <= ${o.now})
      )
      order by id limit ${o.limit} for update skip locked
    )
    update aurochs.outbox as outbox
    set state = 'leased', attempts = attempts + 1, retry_at = null, lease = ${o.lease}, lease_ends_at = ${leaseEndsAt}
    from taken where outbox.id = taken.id
    returning outbox.*`
}

/** Gives each entry its id: the one it has by its key, or a new one. */
async function enqueue(
  db: Transaction<Tables>,
  namespace: string,
  entries: readonly NewOutboxEntry[],
): Promise<OutboxId[]> {
  // Sorted, so that two who need the same locks do not wait for each other.
  for (const account of [...new Set(entries.map((entry) => entry.account))].sort())
    await lockAccount(db, "outbox", namespace, account)
  const ids = new Map<string, OutboxId>()
  for (let at = 0; at < entries.length; at += batchRows) {
    const batch = entries.slice(at, at + batchRows)
    await findKnown(db, namespace, batch, ids)
    const known = batch.flatMap((entry) => ids.get(nameOf(entry)) ?? [])
    if (known.length > 0) await unparking(db, namespace, known).execute()
    const fresh = new Map(batch.filter((entry) => !ids.has(nameOf(entry))).map((entry) => [nameOf(entry), entry]))
    // The first with a key counts, as if they had come one by one.
    for (const entry of [...batch].reverse()) if (fresh.has(nameOf(entry))) fresh.set(nameOf(entry), entry)
    if (fresh.size === 0) continue
    const rows = await db
      .insertInto("outbox")
      .values([...fresh.values()].map((entry) => columnsOf(entry, namespace)))
      .returning(["id", "account", "key"])
      .execute()
    for (const row of rows) ids.set(nameOf(row), idOf(row.id) as OutboxId)
  }
  return entries.map((entry) => ids.get(nameOf(entry)) as OutboxId)
}

async function findKnown(
  db: Transaction<Tables>,
  namespace: string,
  entries: readonly NewOutboxEntry[],
  ids: Map<string, OutboxId>,
): Promise<void> {
  const { rows } = await sql<{ id: string; account: string; key: string }>`
    select id, account, key from aurochs.outbox
    join unnest(${entries.map((entry) => entry.account)}::text[], ${entries.map((entry) => entry.key)}::text[])
      as wanted (wanted_account, wanted_key) on account = wanted_account and key = wanted_key
    where namespace = ${namespace}`.execute(db)
  for (const row of rows) ids.set(nameOf(row), idOf(row.id) as OutboxId)
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

function nameOf(entry: { readonly account: string; readonly key: string }): string {
  return JSON.stringify([entry.account, entry.key])
}
