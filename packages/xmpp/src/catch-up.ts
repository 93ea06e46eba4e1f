// XEP-0313 v1.1.3, Message Archive Management. https://xmpp.org/extensions/xep-0313.html
import { type CallOptions, isAurochsError, randomId, type XmlElement } from "@aurochs/core"
import { iq, mam, type ResultSet } from "@aurochs/xml"
import type { Ledger, Position } from "./ledger.ts"
import type { Settings } from "./options.ts"

/** What is asked of the archive, and what its results are for. */
export interface OpenQueries {
  /** `probe`: only where the archive ends is asked for, results are not delivered. */
  readonly byId: Map<string, "deliver" | "probe">
}

/** What reading the archive needs. */
export interface Archive {
  readonly settings: Settings
  readonly ledger: Ledger
  readonly queries: OpenQueries
  request(iq: XmlElement, options: CallOptions): Promise<XmlElement>
  /** Resolves when what was delivered has been taken, so that a long absence does not fill the memory. */
  room(options: CallOptions): Promise<void>
}

/** Messages in one page. */
const PAGE = 50
/** Our clock and the server's may differ. */
const SKEW_MS = 600_000

/**
 * Notes where the archive ends, at a first start. Sent before presence, so that nothing falls between.
 *
 * @throws {AurochsError} `NETWORK`, `ABORTED`
 */
export async function beginAtEnd(archive: Archive, options: CallOptions): Promise<void> {
  const { settings, ledger } = archive
  const now = settings.clock.now()
  if (settings.catchUpMs > 0) {
    ledger.begin({ at: new Date(now.getTime() - settings.catchUpMs) })
    return
  }
  try {
    const { last } = await page(archive, "probe", undefined, { max: 1, before: "" }, options)
    ledger.begin({ id: last, at: now })
  } catch (error) {
    if (!isAurochsError(error, "STANZA_ERROR") && !isAurochsError(error, "BAD_DATA")) throw error
    ledger.begin({ at: now })
  }
}

/**
 * Reads what the archive got since the ledger's position, oldest first.
 *
 * @returns false if the server has no archive
 * @throws {AurochsError} `NETWORK`, `ABORTED`, `STANZA_ERROR`
 */
export async function catchUp(archive: Archive, options: CallOptions): Promise<boolean> {
  const position = archive.ledger.position()
  if (position === undefined) return true
  try {
    await readSince(archive, position, options)
    return true
  } catch (error) {
    if (!isAurochsError(error, "STANZA_ERROR")) throw error
    const { condition } = error.details
    if (condition === "service-unavailable" || condition === "feature-not-implemented") return false
    if (condition !== "item-not-found" || position.id === undefined) throw error
    // The archive no longer knows the message at the position (XEP-0313 §4.3.1): go by time.
    await readSince(archive, { at: position.at }, options)
    return true
  }
}

async function readSince(archive: Archive, { id, at }: Position, options: CallOptions): Promise<void> {
  const start = id === undefined ? new Date(at.getTime() - SKEW_MS) : undefined
  let after = id
  for (;;) {
    const set: ResultSet = after === undefined ? { max: PAGE } : { max: PAGE, after }
    const { complete, last } = await page(archive, "deliver", start, set, options)
    if (complete || last === undefined || last === after) return
    after = last
    await archive.room(options)
  }
}

async function page(
  { settings, queries, request }: Archive,
  purpose: "deliver" | "probe",
  start: Date | undefined,
  set: ResultSet,
  options: CallOptions,
): Promise<{ complete: boolean; last: string | undefined }> {
  const queryId = randomId(settings.random)
  // Results count only while the query runs (A13).
  queries.byId.set(queryId, purpose)
  try {
    const { complete, rsm } = mam.readFin(
      await request(iq({ type: "set" }, mam.query({ queryId, start, rsm: set })), options),
    )
    return { complete, last: rsm.last }
  } finally {
    queries.byId.delete(queryId)
  }
}
