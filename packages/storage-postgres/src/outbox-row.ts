import type { BareJid } from "@aurochs/core"
import type { Leased, NewOutboxEntry, OutboxEntry, OutboxId, Settlement } from "@aurochs/storage"
import { type Insertable, type RawBuilder, type Selectable, sql } from "kysely"
import { column, idOf, plainBytes } from "./ids.ts"
import type { OutboxTable } from "./schema.ts"

type Row = Selectable<OutboxTable>

/** The row of a new entry. */
export function columnsOf(entry: NewOutboxEntry, namespace: string): Insertable<OutboxTable> {
  return {
    namespace,
    account: entry.account,
    recipient: entry.recipient,
    key: entry.key,
    sealed: column(entry.sealed),
    sealed_bytes: entry.sealed.length,
    enqueued_at: entry.enqueuedAt,
    state: "waiting",
    attempts: 0,
    lost_connections: 0,
  }
}

/** How an attempt that ended changes its row. */
export function settledColumns(result: Settlement): Partial<Omit<Row, "lost_connections">> & {
  readonly lost_connections: RawBuilder<number>
} {
  const lost = result.kind === "waiting" && result.connectionLost === true ? 1 : 0
  return {
    state: result.kind,
    lease: null,
    lease_ends_at: null,
    because: result.kind === "sent" ? null : result.because,
    retry_at: result.kind === "waiting" ? result.retryAt : null,
    stanza_id: result.kind === "sent" ? result.stanzaId : null,
    sent_at: result.kind === "sent" ? result.sentAt : null,
    lost_connections: sql<number>`lost_connections + ${lost}`,
  }
}

/** What is shown to others: all but the sealed bytes. */
export type ShownColumn =
  | "id"
  | "account"
  | "recipient"
  | "key"
  | "enqueued_at"
  | "state"
  | "because"
  | "retry_at"
  | "attempts"
  | "lost_connections"
  | "sealed_bytes"

/** {@link ShownColumn} as a list. */
export const shownColumns: readonly ShownColumn[] = [
  "id",
  "account",
  "recipient",
  "key",
  "enqueued_at",
  "state",
  "because",
  "retry_at",
  "attempts",
  "lost_connections",
  "sealed_bytes",
]

/** What a row shows. */
export function shown(row: Pick<Row, ShownColumn>): OutboxEntry {
  return {
    id: idOf(row.id) as OutboxId,
    account: row.account as BareJid,
    recipient: row.recipient as BareJid,
    key: row.key,
    enqueuedAt: row.enqueued_at,
    state: row.state,
    because: row.because ?? undefined,
    retryAt: row.retry_at ?? undefined,
    attempts: row.attempts,
    lostConnections: row.lost_connections,
    sealedBytes: row.sealed_bytes,
  }
}

/** What the one who leased a row gets. A table constraint keeps the bytes of what was not sent. */
export function leased(row: Row, lease: string): Leased {
  return {
    id: idOf(row.id) as OutboxId,
    account: row.account as BareJid,
    recipient: row.recipient as BareJid,
    key: row.key,
    sealed: plainBytes(row.sealed ?? Buffer.alloc(0)),
    enqueuedAt: row.enqueued_at,
    attempts: row.attempts,
    lostConnections: row.lost_connections,
    lease,
  }
}
