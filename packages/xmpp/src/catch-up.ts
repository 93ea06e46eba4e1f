// XEP-0313 v1.1.3, Message Archive Management. https://xmpp.org/extensions/xep-0313.html
import { type Clock, isAurochsError, type Random, randomId, type XmlElement } from "@aurochs/core"
import { iq, mam, type ResultSet } from "@aurochs/xml"
import type { Deliveries } from "./deliveries.ts"

/** Messages in one page of the archive. */
const PAGE = 100
/** Pages in one catch-up: 100,000 messages. */
const MAX_PAGES = 1_000
const DAY_MS = 86_400_000

/** The archive query that is running. */
export interface OpenQuery {
  readonly id: string
  /** False: only where the archive ends is asked for. */
  readonly deliver: boolean
}

/** What reading the archive needs. */
export interface CatchUpOptions {
  readonly deliveries: Deliveries
  readonly request: (iq: XmlElement) => Promise<XmlElement>
  /** Results count only while the query with this id runs (A13). */
  readonly setOpenQuery: (query: OpenQuery | undefined) => void
  readonly days: number
  readonly clock: Clock
  readonly random: Random
}

/**
 * Reads what the account's archive got since the cursor, oldest first. Without a cursor (a first start) it only notes
 * where the archive ends now, or reads the given number of days.
 *
 * @throws {AurochsError} `NETWORK`, `STANZA_ERROR` if the server has no archive
 */
export async function catchUp(options: CatchUpOptions): Promise<void> {
  const { deliveries, days, clock } = options
  const cursor = await deliveries.cursor()
  if (cursor !== undefined) {
    try {
      await readFrom(options, { after: cursor })
      return
    } catch (error) {
      // The archive has dropped the message at the cursor: read by time instead; what we have is recognised later.
      if (!isAurochsError(error, "STANZA_ERROR") || error.details.condition !== "item-not-found") throw error
      await readFrom(options, {}, new Date(clock.now().getTime() - 30 * DAY_MS))
      return
    }
  }
  if (days > 0) {
    await readFrom(options, {}, new Date(clock.now().getTime() - days * DAY_MS))
    return
  }
  const { last } = await readPage(options, { max: 1, before: "" }, undefined, false)
  if (last !== undefined) deliveries.setCursor(last)
}

async function readFrom(options: CatchUpOptions, from: ResultSet, start?: Date): Promise<void> {
  let after = from.after
  for (let page = 0; page < MAX_PAGES; page++) {
    const { complete, last } = await readPage(
      options,
      { max: PAGE, ...(after === undefined ? {} : { after }) },
      start,
      true,
    )
    if (complete || last === undefined || last === after) return
    after = last
  }
}

async function readPage(options: CatchUpOptions, set: ResultSet, start: Date | undefined, deliver: boolean) {
  const queryId = randomId(options.random)
  options.setOpenQuery({ id: queryId, deliver })
  try {
    const answer = await options.request(iq({ type: "set" }, mam.query({ queryId, start, rsm: set })))
    const { complete, rsm } = mam.readFin(answer)
    return { complete, last: rsm.last }
  } finally {
    options.setOpenQuery(undefined)
  }
}
