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
  const { stanza, left, openpgpAt } = withoutOpenpgp(entry)
  const json = elementToJson(stanza)
  return {
    account: entry.account,
    peer: entry.peer,
    direction: entry.direction,
    digest: column(entryDigest(entry)),
    stanza: json,
    stanza_bytes: Buffer.byteLength(json) + left,
    openpgp: entry.openpgp === undefined ? null : column(entry.openpgp),
    openpgp_at: openpgpAt,
    via: entry.via,
    stamped_at: entry.stampedAt ?? null,
    stored_at: entry.storedAt,
    at: entry.stampedAt ?? entry.storedAt,
    handled: entry.direction === "out",
    ...verdictColumns(entry.verdict),
  }
}

/**
 * A stanza carries its OpenPGP message as Base64, which is the same bytes once more: where it is exactly that, it is left
 * out, and put back when the row is read.
 */
function withoutOpenpgp({ stanza, openpgp }: NewEntry): {
  readonly stanza: XmlElement
  /** Bytes of JSON that are left out. */
  readonly left: number
  readonly openpgpAt: number | null
} {
  if (openpgp !== undefined) {
    const base64 = column(openpgp).toString("base64")
    const at = stanza.children.findIndex((child) => isAround(child, base64))
    const around = stanza.children[at]
    if (typeof around === "object") {
      const children = stanza.children.with(at, { ...around, children: [] })
      // With its quotation marks.
      return { stanza: { ...stanza, children }, left: base64.length + 2, openpgpAt: at }
    }
  }
  return { stanza, left: 0, openpgpAt: null }
}

function isAround(child: XmlElement | string, text: string): boolean {
  return typeof child === "object" && child.children.length === 1 && child.children[0] === text
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
    return withOpenpgp(elementFromJson(row.stanza), row)
  } catch (cause) {
    if (!isAurochsError(cause, "BAD_DATA")) throw cause
    throw new AurochsError("STORAGE", `row ${row.id} of aurochs.archive is damaged`, { operation }, { cause })
  }
}

/** @throws {AurochsError} `BAD_DATA` if there is no place for it */
function withOpenpgp(stanza: XmlElement, row: Pick<ArchiveTable, "openpgp" | "openpgp_at">): XmlElement {
  if (row.openpgp_at === null) return stanza
  const around = stanza.children[row.openpgp_at]
  if (typeof around !== "object" || around.children.length > 0 || row.openpgp === null) {
    throw new AurochsError("BAD_DATA", "the OpenPGP message has no place in its stanza", { what: "xml" })
  }
  return {
    ...stanza,
    children: stanza.children.with(row.openpgp_at, { ...around, children: [row.openpgp.toString("base64")] }),
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
