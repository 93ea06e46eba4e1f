import type { NewOutboxEntry, OutboxId, Settlement } from "@aurochs/storage"
import { sql } from "kysely"
import { arrays } from "./arrays.ts"
import type { Connection } from "./connection.ts"
import { type Groups, groups, runnerFor } from "./groups.ts"
import { idOf, numberOf } from "./ids.ts"
import { lockNames } from "./locks.ts"
import { settledColumns } from "./outbox-row.ts"
import type { Database } from "./schema.ts"

/** How the attempt at one leased row ended. */
interface Settling {
  readonly id: string
  readonly lease: string
  readonly result: Settlement
}

/** The changes of an outbox that come with every message. */
export interface OutboxWrites {
  readonly enqueues: Groups<readonly NewOutboxEntry[], OutboxId[]>
  readonly settlings: Groups<Settling, "settled" | "lost">
}

/** Groups the changes of one namespace. */
export function outboxWrites(link: Connection, namespace: string): OutboxWrites {
  return {
    enqueues: groups<readonly NewOutboxEntry[], OutboxId[]>(
      async (calls) => {
        const entries = calls.flat()
        const run = runnerFor(link, entries.length)
        const ids = await run("outbox.enqueue", (db) => enqueue(db, namespace, entries))
        let at = 0
        return calls.map((entries) => {
          at += entries.length
          return ids.slice(at - entries.length, at)
        })
      },
      (entries) => entries.reduce((sum, { sealed }) => sum + sealed.length + 200, 0),
    ),
    settlings: groups((all) => runnerFor(link, all.length)("outbox.settle", (db) => settle(db, namespace, all))),
  }
}

type Named = { readonly account: string; readonly key: string }

/**
 * Gives each entry its id: the one it has by its key, or a new one. One statement, so all or none; what is known and
 * parked goes back into its place.
 */
async function enqueue(db: Database, namespace: string, entries: readonly NewOutboxEntry[]): Promise<OutboxId[]> {
  // The first with a key counts, as if they had come one by one.
  const unique = new Map<string, NewOutboxEntry>()
  for (const entry of entries) if (!unique.has(nameOf(entry))) unique.set(nameOf(entry), entry)
  const ids = new Map<string, OutboxId>()
  const place = async () => {
    const rows = [...unique.values()].filter((entry) => !ids.has(nameOf(entry)))
    for (const row of await insert(db, namespace, rows)) ids.set(nameOf(row), idOf(row.id) as OutboxId)
  }
  await place()
  // Somebody else entered the same key a moment ago: now it is seen.
  if (ids.size < unique.size) await place()
  return entries.map((entry) => ids.get(nameOf(entry)) as OutboxId)
}

async function insert(db: Database, namespace: string, entries: readonly NewOutboxEntry[]) {
  const { rows } = await sql<Named & { readonly id: string }>`
    with locked as materialized (
      select count(pg_advisory_xact_lock(hashtextextended(name, 0)))
      from unnest(${arrays.text(lockNames("outbox", namespace, entries))}) as name
    ), wanted as materialized (
      select * from unnest(
        ${arrays.text(entries.map((entry) => entry.account))}, ${arrays.text(entries.map((entry) => entry.recipient))},
        ${arrays.text(entries.map((entry) => entry.key))}, ${arrays.bytea(entries.map((entry) => entry.sealed))},
        ${arrays.timestamptz(entries.map((entry) => entry.enqueuedAt))}
      ) with ordinality as entry (account, recipient, key, sealed, enqueued_at, place)
    ), fresh as (
      insert into aurochs.outbox (namespace, account, recipient, key, sealed, sealed_bytes, enqueued_at, state,
        attempts, lost_connections)
      select ${namespace}, account, recipient, key, sealed, octet_length(sealed), enqueued_at, 'waiting', 0, 0
      from locked cross join wanted
      order by place
      on conflict (namespace, account, key) do nothing
      returning id, account, key
    ), known as (
      select found.id, found.account, found.key from wanted cross join lateral (
        select id, account, key from aurochs.outbox
        where namespace = ${namespace} and account = wanted.account and key = wanted.key limit 1
      ) as found
      where not exists (select from fresh where fresh.account = wanted.account and fresh.key = wanted.key)
    ), unparked as (
      update aurochs.outbox set state = 'waiting', because = null, retry_at = null
      where state = 'parked' and id in (select id from known)
    )
    select id, account, key from fresh union all select id, account, key from known`.execute(db)
  return rows
}

async function settle(db: Database, namespace: string, all: readonly Settling[]): Promise<("settled" | "lost")[]> {
  // The first of several for one lease counts: then the lease is over.
  const unique = new Map<string, Settling>()
  for (const one of all) if (numberOf(one.id) !== undefined && !unique.has(leaseOf(one))) unique.set(leaseOf(one), one)
  const rows = [...unique.values()]
  const set = rows.map(({ result }) => settledColumns(result))
  const settled =
    rows.length === 0
      ? []
      : (
          await sql<{ readonly id: string; readonly lease: string }>`
            update aurochs.outbox as outbox set state = done.state, lease = null, lease_ends_at = null,
              because = done.because, retry_at = done.retry_at, stanza_id = done.stanza_id, sent_at = done.sent_at,
              attempts = outbox.attempts - done.untried, lost_connections = outbox.lost_connections + done.lost
            from unnest(${arrays.int8(rows.map(({ id }) => id))}, ${arrays.text(rows.map(({ lease }) => lease))},
              ${arrays.text(set.map((row) => row.state))}, ${arrays.text(set.map((row) => row.because))},
              ${arrays.timestamptz(set.map((row) => row.retry_at))}, ${arrays.text(set.map((row) => row.stanza_id))},
              ${arrays.timestamptz(set.map((row) => row.sent_at))}, ${arrays.int4(set.map((row) => row.untried))},
              ${arrays.int4(set.map((row) => row.lost))}
            ) as done (id, lease, state, because, retry_at, stanza_id, sent_at, untried, lost)
            where outbox.namespace = ${namespace} and outbox.id = done.id and outbox.state = 'leased'
              and outbox.lease = done.lease
            returning outbox.id, done.lease`.execute(db)
        ).rows
  const done = new Set(settled.map((row) => leaseOf({ ...row, id: idOf(row.id) })))
  return all.map((one) => (unique.get(leaseOf(one)) === one && done.has(leaseOf(one)) ? "settled" : "lost"))
}

function leaseOf({ id, lease }: Pick<Settling, "id" | "lease">): string {
  return `${id.padStart(16, "0")} ${lease}`
}

function nameOf({ account, key }: Named): string {
  return JSON.stringify([account, key])
}
