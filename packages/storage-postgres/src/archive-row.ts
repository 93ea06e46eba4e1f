import { AurochsError, type BareJid, type Fingerprint, isAurochsError, type XmlElement } from "@aurochs/core"
import {
  type ArchiveEntry,
  type ArchiveId,
  type EntryVerdict,
  elementFromJson,
  elementToJson,
  entryDigest,
  type NewEntry,
} from "@aurochs/storage"
import type { Selectable } from "kysely"
import { column, idOf, plainBytes } from "./ids.ts"
import type { ArchiveTable } from "./schema.ts"

type VerdictColumns = Pick<Selectable<ArchiveTable>, "outcome" | "reason" | "signer" | "written_at" | "stranger">

/** The row of a new entry. */
export function columnsOf(entry: NewEntry): Omit<Selectable<ArchiveTable>, "namespace" | "id"> {
  const stanza = elementToJson(entry.stanza)
  return {
    account: entry.account,
    peer: entry.peer,
    direction: entry.direction,
    digest: column(entryDigest(entry)),
    stanza,
    stanza_bytes: Buffer.byteLength(stanza),
    openpgp: entry.openpgp === undefined ? null : column(entry.openpgp),
    via: entry.via,
    stamped_at: entry.stampedAt ?? null,
    stored_at: entry.storedAt,
    at: entry.stampedAt ?? entry.storedAt,
    handled: entry.direction === "out",
    ...verdictColumns(entry.verdict),
  }
}

/** A verdict replaces all of the one before. */
export function verdictColumns(verdict: EntryVerdict | undefined): VerdictColumns {
  return {
    outcome: verdict?.outcome ?? null,
    reason: verdict?.reason ?? null,
    signer: verdict?.signer ?? null,
    written_at: verdict?.writtenAt ?? null,
    stranger: verdict?.stranger ?? null,
  }
}

/**
 * The entry of a row.
 *
 * @throws {AurochsError} `STORAGE` if its stanza is none
 */
export function entryOf(row: Selectable<ArchiveTable>, operation: string): ArchiveEntry {
  return {
    id: idOf(row.id) as ArchiveId,
    account: row.account as BareJid,
    peer: row.peer as BareJid,
    direction: row.direction,
    stanza: stanzaOf(row, operation),
    openpgp: row.openpgp === null ? undefined : plainBytes(row.openpgp),
    via: row.via,
    stampedAt: row.stamped_at ?? undefined,
    storedAt: row.stored_at,
    handled: row.handled,
    verdict: verdictOf(row),
  }
}

function stanzaOf(row: Selectable<ArchiveTable>, operation: string): XmlElement {
  try {
    return elementFromJson(row.stanza)
  } catch (cause) {
    if (!isAurochsError(cause, "BAD_DATA")) throw cause
    throw new AurochsError("STORAGE", `row ${row.id} of aurochs.archive is damaged`, { operation }, { cause })
  }
}

function verdictOf(row: VerdictColumns): EntryVerdict | undefined {
  if (row.outcome === null) return undefined
  return {
    outcome: row.outcome,
    reason: row.reason ?? undefined,
    signer: (row.signer ?? undefined) as Fingerprint | undefined,
    writtenAt: row.written_at ?? undefined,
    stranger: row.stranger ?? undefined,
  }
}
