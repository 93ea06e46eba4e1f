import type { BareJid, Fingerprint } from "@aurochs/core"
import type { EntryVerdict, NewEntry } from "./archive.ts"
import type { Row } from "./backing.ts"
import { elementToJson } from "./entry.ts"
import {
  base64,
  bytes,
  count,
  date,
  element,
  fields,
  flag,
  integer,
  type JsonFormat,
  oneOf,
  optional,
  text,
} from "./json.ts"

/** What is searched and what changes; the stanza itself is a blob. */
export interface ArchiveRow extends Row {
  readonly account: BareJid
  readonly peer: BareJid
  readonly direction: "in" | "out"
  readonly digest: string
  /** The time of the message in ms: `stampedAt`, else `storedAt`. */
  readonly at: number
  /** The stanza as JSON. */
  readonly bytes: number
  readonly handled: boolean
  readonly verdict?: EntryVerdict | undefined
}

/** What no two rows have in common. */
export function digestKey(row: Pick<ArchiveRow, "account" | "direction" | "digest">): string {
  return `${row.direction} ${row.account} ${row.digest}`
}

/** The row of a new entry. */
export function rowOf(id: string, digest: string, entry: NewEntry): ArchiveRow {
  return {
    id,
    account: entry.account,
    peer: entry.peer,
    direction: entry.direction,
    digest,
    at: (entry.stampedAt ?? entry.storedAt).getTime(),
    bytes: Buffer.byteLength(elementToJson(entry.stanza)),
    handled: entry.direction === "out",
    verdict: entry.verdict && { ...entry.verdict },
  }
}

const direction = oneOf("in", "out")

const verdictFormat: JsonFormat<EntryVerdict> = {
  write: (verdict) => ({ ...verdict, writtenAt: verdict.writtenAt?.toISOString() }),
  read(value, at) {
    const raw = fields(value, at)
    return {
      outcome: oneOf("secure", "unverified", "rejected", "plaintext")(raw.outcome, "outcome"),
      reason: optional(text)(raw.reason, "reason"),
      signer: optional(text)(raw.signer, "signer") as Fingerprint | undefined,
      writtenAt: optional(date)(raw.writtenAt, "writtenAt"),
      stranger: optional(flag)(raw.stranger, "stranger"),
    }
  },
}

/** A row as JSON. */
export const rowFormat: JsonFormat<ArchiveRow> = {
  write: (row) => ({ ...row, verdict: row.verdict && verdictFormat.write(row.verdict) }),
  read(value, at) {
    const raw = fields(value, at)
    return {
      id: text(raw.id, "id"),
      account: text(raw.account, "account") as BareJid,
      peer: text(raw.peer, "peer") as BareJid,
      direction: direction(raw.direction, "direction"),
      digest: text(raw.digest, "digest"),
      at: integer(raw.at, "at"),
      bytes: count(raw.bytes, "bytes"),
      handled: flag(raw.handled, "handled"),
      verdict: optional(verdictFormat.read)(raw.verdict, "verdict"),
    }
  },
}

/** A blob as JSON. The verdict is left to the row: it changes. */
export const entryFormat: JsonFormat<NewEntry> = {
  write: (entry) => ({
    account: entry.account,
    peer: entry.peer,
    direction: entry.direction,
    stanza: entry.stanza,
    openpgp: entry.openpgp && base64(entry.openpgp),
    via: entry.via,
    stampedAt: entry.stampedAt?.toISOString(),
    storedAt: entry.storedAt.toISOString(),
  }),
  read(value, at) {
    const raw = fields(value, at)
    return {
      account: text(raw.account, "account") as BareJid,
      peer: text(raw.peer, "peer") as BareJid,
      direction: direction(raw.direction, "direction"),
      stanza: element(raw.stanza, "stanza"),
      openpgp: optional(bytes)(raw.openpgp, "openpgp"),
      via: oneOf("live", "carbon-sent", "carbon-received", "mam", "sent")(raw.via, "via"),
      stampedAt: optional(date)(raw.stampedAt, "stampedAt"),
      storedAt: date(raw.storedAt, "storedAt"),
    }
  },
}
