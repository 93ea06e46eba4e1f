import type { BareJid } from "@aurochs/core"
import type { Row } from "./backing.ts"
import { base64, bytes, count, date, fields, type JsonFormat, oneOf, optional, text } from "./json.ts"
import type { NewOutboxEntry, OutboxEntry, OutboxId, Settlement } from "./outbox.ts"

/** A message in the outbox without its sealed bytes. */
export interface OutboxRow extends Row {
  readonly account: BareJid
  readonly recipient: BareJid
  readonly key: string
  readonly enqueuedAt: Date
  readonly state: OutboxEntry["state"]
  readonly because?: string | undefined
  readonly retryAt?: Date | undefined
  readonly attempts: number
  readonly lostConnections: number
  /** 0: they are gone. */
  readonly sealedBytes: number
  /** While leased. */
  readonly lease?: string | undefined
  readonly leaseEndsAt?: Date | undefined
  /** Once sent. */
  readonly stanzaId?: string | undefined
  readonly sentAt?: Date | undefined
}

/** What no two rows have in common. */
export function outboxKey(row: Pick<OutboxRow, "account" | "key">): string {
  return `key ${row.account} ${row.key}`
}

/** By what a returned message is found. */
export function sentKey(row: { readonly account: BareJid; readonly stanzaId: string }): string {
  return `sent ${row.account} ${row.stanzaId}`
}

/** The unique keys of a row. */
export function keysOf(row: OutboxRow): string[] {
  const { account, stanzaId } = row
  return stanzaId === undefined ? [outboxKey(row)] : [outboxKey(row), sentKey({ account, stanzaId })]
}

/** The row of a new entry. */
export function waitingRow(id: string, entry: NewOutboxEntry): OutboxRow {
  const { account, recipient, key, enqueuedAt } = entry
  return {
    id,
    account,
    recipient,
    key,
    enqueuedAt,
    state: "waiting",
    attempts: 0,
    lostConnections: 0,
    sealedBytes: entry.sealed.length,
  }
}

/** How an attempt that ended changes its row. */
export function settled(row: OutboxRow, result: Settlement): OutboxRow {
  const kept = { ...row, lease: undefined, leaseEndsAt: undefined, retryAt: undefined, because: undefined }
  switch (result.kind) {
    case "sent":
      return { ...kept, state: "sent", stanzaId: result.stanzaId, sentAt: result.sentAt }
    case "waiting":
      return {
        ...kept,
        state: "waiting",
        because: result.because,
        retryAt: result.retryAt,
        attempts: row.attempts - (result.untried === true ? 1 : 0),
        lostConnections: row.lostConnections + (result.connectionLost === true ? 1 : 0),
        stanzaId: undefined,
        sentAt: undefined,
      }
    case "parked":
      return { ...kept, state: "parked", because: result.because, stanzaId: undefined, sentAt: undefined }
  }
}

/** What {@link OutboxRow} shows to others. */
export function shown(row: OutboxRow): OutboxEntry {
  const { lease: _lease, leaseEndsAt: _ends, stanzaId: _stanza, sentAt: _sent, ...rest } = row
  return { ...rest, id: row.id as OutboxId }
}

/** A row as JSON. */
export const rowFormat: JsonFormat<OutboxRow> = {
  write: (row) => row,
  read(value, at) {
    const raw = fields(value, at)
    return {
      id: text(raw.id, "id"),
      account: text(raw.account, "account") as BareJid,
      recipient: text(raw.recipient, "recipient") as BareJid,
      key: text(raw.key, "key"),
      enqueuedAt: date(raw.enqueuedAt, "enqueuedAt"),
      state: oneOf("waiting", "leased", "parked", "sent")(raw.state, "state"),
      because: optional(text)(raw.because, "because"),
      retryAt: optional(date)(raw.retryAt, "retryAt"),
      attempts: count(raw.attempts, "attempts"),
      lostConnections: count(raw.lostConnections, "lostConnections"),
      sealedBytes: count(raw.sealedBytes, "sealedBytes"),
      lease: optional(text)(raw.lease, "lease"),
      leaseEndsAt: optional(date)(raw.leaseEndsAt, "leaseEndsAt"),
      stanzaId: optional(text)(raw.stanzaId, "stanzaId"),
      sentAt: optional(date)(raw.sentAt, "sentAt"),
    }
  },
}

/** Sealed bytes as JSON. */
export const sealedFormat: JsonFormat<Uint8Array> = {
  write: (sealed) => ({ sealed: base64(sealed) }),
  read: (value, at) => bytes(fields(value, at).sealed, "sealed"),
}
