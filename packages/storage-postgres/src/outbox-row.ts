import type { BareJid } from "@aurochs/core"
import type { Leased, OutboxEntry, OutboxId, Settlement } from "@aurochs/storage"
import { type RawBuilder, type Selectable, sql } from "kysely"
import { idOf, plainBytes } from "./ids.ts"
import type { OutboxTable } from "./schema.ts"

type Row = Selectable<OutboxTable>

/** How an attempt that ended changes its row; `untried` and `lost` are taken from and added to its counts. */
export function settledColumns(result: Settlement): Pick<
  Row,
  "state" | "because" | "retry_at" | "stanza_id" | "sent_at"
> & {
  readonly untried: number
  readonly lost: number
} {
  return {
    state: result.kind,
    because: result.kind === "sent" ? null : result.because,
    retry_at: result.kind === "waiting" ? result.retryAt : null,
    stanza_id: result.kind === "sent" ? result.stanzaId : null,
    sent_at: result.kind === "sent" ? result.sentAt : null,
    untried: result.kind === "waiting" && result.untried === true ? 1 : 0,
    lost: result.kind === "waiting" && result.connectionLost === true ? 1 : 0,
  }
}

/** How a bounce changes the row of what was sent. */
export function returnedColumns(result: Extract<Settlement, { kind: "waiting" | "parked" }>): Pick<
  Row,
  "state" | "because" | "retry_at" | "stanza_id" | "sent_at"
> & {
  readonly lost_connections: RawBuilder<number>
} {
  const { untried: _, lost, ...columns } = settledColumns(result)
  return { ...columns, lost_connections: sql<number>`lost_connections + ${lost}` }
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
