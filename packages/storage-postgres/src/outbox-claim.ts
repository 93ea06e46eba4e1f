import { type RawBuilder, type Selectable, sql } from "kysely"
import type { OutboxTable } from "./schema.ts"

/**
 * Leases runs of the lines whose time has come. A line is what waits or is leased of one recipient, oldest first; a run
 * is its head and what follows without a gap.
 *
 * The lines are found by one look into the index for each, and their rows by their places in it: in the order of
 * recipient and id, so that no other index fits. Then the heads are locked: a head that somebody else is
 * changing leaves its whole line to them. Of the rows behind, only those count before which nothing was left out; all
 * are looked at again when they are locked, because the conditions stand beside the lock.
 */
export function claim(o: {
  readonly namespace: string
  readonly account: string
  readonly now: Date
  readonly leaseMs: number
  readonly limit: number
  readonly perRecipient: number
  readonly maxBytes: number
  readonly lease: string
}): RawBuilder<Selectable<OutboxTable>> {
  const leaseEndsAt = new Date(o.now.getTime() + o.leaseMs)
  const inLine = sql`namespace = ${o.namespace} and account = ${o.account} and state in ('waiting', 'leased')`
  const due = sql`(
    (state = 'waiting' and (retry_at is null or retry_at <= ${o.now}))
    or (state = 'leased' and lease_ends_at <= ${o.now})
  )`
  return sql<Selectable<OutboxTable>>`
    with recursive lines as (
      (select recipient from aurochs.outbox where ${inLine} order by recipient limit 1)
      union all
      select (select recipient from aurochs.outbox
        where ${inLine} and recipient > lines.recipient order by recipient limit 1)
      from lines where lines.recipient is not null
    ), heads as materialized (
      select head.id from lines cross join lateral (
        select id, state, retry_at, lease_ends_at from aurochs.outbox
        where ${inLine} and (recipient, id) >= (lines.recipient, 0) order by recipient, id limit 1
      ) as head where lines.recipient is not null and ${due} order by head.id
    ), locked as materialized (
      select id, recipient from aurochs.outbox where id in (select id from heads) and ${due}
      order by id limit ${o.limit} for update skip locked
    ), runs as materialized (
      select line.id, line.recipient from locked cross join lateral (
        select id, recipient, bool_and(${due}) over so_far as is_due, sum(sealed_bytes) over so_far as bytes from (
          select id, recipient, state, retry_at, lease_ends_at, sealed_bytes from aurochs.outbox
          where ${inLine} and (recipient, id) >= (locked.recipient, locked.id)
          order by recipient, id limit ${o.perRecipient}
        ) as rows where recipient = locked.recipient window so_far as (order by id)
      ) as line where line.is_due and (line.bytes <= ${o.maxBytes} or line.id = locked.id)
    ), taken as materialized (
      select id from aurochs.outbox where id in (select id from runs) and ${due} order by id for update skip locked
    ), whole as (
      select runs.id, bool_and(taken.id is not null) over (partition by runs.recipient order by runs.id) as is_whole
      from runs left join taken on taken.id = runs.id
    )
    update aurochs.outbox as outbox
    set state = 'leased', attempts = attempts + 1, retry_at = null, lease = ${o.lease}, lease_ends_at = ${leaseEndsAt}
    from whole where whole.is_whole and outbox.id = whole.id
    returning outbox.*`
}
