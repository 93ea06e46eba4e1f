import type { ArchiveId, EntryVerdict } from "@aurochs/storage"
import { sql } from "kysely"
import { type columnsOf, verdictColumns } from "./archive-row.ts"
import { arrays } from "./arrays.ts"
import type { Connection } from "./connection.ts"
import { type Groups, groups, runnerFor } from "./groups.ts"
import { idOf, numberOf, numbersOf } from "./ids.ts"
import { lockNames } from "./locks.ts"
import type { Database } from "./schema.ts"

type Appended = { readonly id: ArchiveId; readonly isNew: boolean }
type Columns = ReturnType<typeof columnsOf>
interface NewVerdict {
  readonly id: ArchiveId
  readonly verdict: EntryVerdict
}
/** The handlers had it; without a verdict the one that is there stays. */
interface Mark {
  readonly id: ArchiveId
  readonly verdict: EntryVerdict | undefined
}

/** The small changes of an archive, each of which comes with every message. */
export interface ArchiveWrites {
  readonly appends: Groups<Columns, Appended>
  readonly verdicts: Groups<NewVerdict, void>
  readonly handled: Groups<Mark, void>
}

/** Groups the small changes of one namespace. */
export function archiveWrites(link: Connection, namespace: string): ArchiveWrites {
  return {
    appends: groups<Columns, Appended>(
      (rows) => runnerFor(link, rows.length)("archive.append", (db) => append(db, namespace, rows)),
      (row) => row.stanza_bytes + (row.openpgp?.length ?? 0),
    ),
    verdicts: groups<NewVerdict, void>(async (changes) => {
      await runnerFor(link, changes.length)("archive.setVerdict", (db) => setVerdicts(db, namespace, changes, false))
      return changes.map(() => undefined)
    }),
    handled: groups<Mark, void>(async (marks) => {
      const isJudged = (mark: Mark): mark is NewVerdict => mark.verdict !== undefined
      await runnerFor(link, marks.length)("archive.markHandled", async (db) => {
        await mark(
          db,
          namespace,
          marks.filter((one) => !isJudged(one)).map(({ id }) => id),
        )
        await setVerdicts(db, namespace, marks.filter(isJudged), true)
      })
      return marks.map(() => undefined)
    }),
  }
}

async function mark(db: Database, namespace: string, ids: readonly ArchiveId[]): Promise<void> {
  const numbers = numbersOf(ids)
  if (numbers.length === 0) return
  await sql`update aurochs.archive set handled = true
    where namespace = ${namespace} and id = any(${arrays.int8(numbers)})`.execute(db)
}

/**
 * Appends what is not there yet, in one statement and so in one commit. Ids are seen in their order only if they are
 * committed in their order: hence the lock, which is had before the first number is drawn.
 */
async function append(db: Database, namespace: string, all: readonly Columns[]): Promise<Appended[]> {
  // The first of several copies counts, as if they had come one by one.
  const rows = new Map<string, Columns>()
  for (const row of all) if (!rows.has(nameOf(row))) rows.set(nameOf(row), row)
  const unique = [...rows.values()]
  const fresh = new Map<string, string>()
  for (const { id, ...row } of await insert(db, namespace, unique)) fresh.set(nameOf(row), id)
  const missing = unique.filter((row) => !fresh.has(nameOf(row)))
  const known = new Map<string, string>()
  if (missing.length > 0) {
    for (const { id, ...row } of await find(db, namespace, missing)) known.set(nameOf(row), id)
    // Removed in between by somebody else.
    const gone = missing.filter((row) => !known.has(nameOf(row)))
    if (gone.length > 0) for (const { id, ...row } of await insert(db, namespace, gone)) fresh.set(nameOf(row), id)
  }
  return all.map((row) => {
    const name = nameOf(row)
    const isNew = fresh.has(name) && rows.get(name) === row
    return { id: idOf(fresh.get(name) ?? known.get(name) ?? ""), isNew }
  })
}

type Found = Pick<Columns, "account" | "direction" | "digest"> & { readonly id: string }

async function insert(db: Database, namespace: string, rows: readonly Columns[]): Promise<readonly Found[]> {
  const locks = lockNames("archive", namespace, rows)
  const of = <K extends keyof Columns>(name: K) => rows.map((row) => row[name])
  const result = await sql<Found>`
    with locked as materialized (
      select count(pg_advisory_xact_lock(hashtextextended(name, 0))) from unnest(${arrays.text(locks)}) as name
    )
    insert into aurochs.archive (namespace, account, peer, direction, digest, stanza, stanza_bytes, openpgp, openpgp_at, via,
      stamped_at, stored_at, at, handled, outcome, reason, signer, written_at, stranger)
    select ${namespace}, account, peer, direction, digest, stanza, stanza_bytes, openpgp, openpgp_at, via,
      stamped_at, stored_at, at, handled, outcome, reason, signer, written_at, stranger
    from locked cross join unnest(
      ${arrays.text(of("account"))}, ${arrays.text(of("peer"))}, ${arrays.text(of("direction"))},
      ${arrays.bytea(of("digest"))}, ${arrays.text(of("stanza"))}, ${arrays.int4(of("stanza_bytes"))},
      ${arrays.bytea(of("openpgp"))}, ${arrays.int4(of("openpgp_at"))}, ${arrays.text(of("via"))}, ${arrays.timestamptz(of("stamped_at"))},
      ${arrays.timestamptz(of("stored_at"))}, ${arrays.timestamptz(of("at"))}, ${arrays.bool(of("handled"))},
      ${arrays.text(of("outcome"))}, ${arrays.text(of("reason"))}, ${arrays.text(of("signer"))},
      ${arrays.timestamptz(of("written_at"))}, ${arrays.bool(of("stranger"))}
    ) with ordinality as entry (account, peer, direction, digest, stanza, stanza_bytes, openpgp, openpgp_at, via,
      stamped_at, stored_at, at, handled, outcome, reason, signer, written_at, stranger, place)
    order by place
    on conflict (namespace, account, direction, digest) do nothing
    returning id, account, direction, digest`.execute(db)
  return result.rows
}

async function find(db: Database, namespace: string, rows: readonly Columns[]): Promise<readonly Found[]> {
  const result = await sql<Found>`
    select found.* from unnest(
      ${arrays.text(rows.map((row) => row.account))}, ${arrays.text(rows.map((row) => row.direction))},
      ${arrays.bytea(rows.map((row) => row.digest))}
    ) as wanted (account, direction, digest) cross join lateral (
      select id, account, direction, digest from aurochs.archive
      where namespace = ${namespace} and account = wanted.account and direction = wanted.direction
        and digest = wanted.digest limit 1
    ) as found`.execute(db)
  return result.rows
}

function nameOf(row: Pick<Columns, "account" | "direction" | "digest">): string {
  return `${row.direction} ${row.account} ${row.digest.toString("latin1")}`
}

/** @param handled true: they are marked, too */
async function setVerdicts(
  db: Database,
  namespace: string,
  changes: readonly NewVerdict[],
  handled: boolean,
): Promise<void> {
  // The last of several for one entry counts.
  const last = new Map<string, ReturnType<typeof verdictColumns>>()
  for (const { id, verdict } of changes) {
    const number = numberOf(id)
    if (number !== undefined) last.set(number, verdictColumns(verdict))
  }
  if (last.size === 0) return
  const rows = [...last.values()]
  await sql`
    update aurochs.archive as archive set outcome = entry.outcome, reason = entry.reason, signer = entry.signer,
      written_at = entry.written_at, stranger = entry.stranger, handled = archive.handled or ${handled}
    from unnest(${arrays.int8([...last.keys()])}, ${arrays.text(rows.map((row) => row.outcome))},
      ${arrays.text(rows.map((row) => row.reason))}, ${arrays.text(rows.map((row) => row.signer))},
      ${arrays.timestamptz(rows.map((row) => row.written_at))}, ${arrays.bool(rows.map((row) => row.stranger))}
    ) as entry (id, outcome, reason, signer, written_at, stranger)
    where archive.namespace = ${namespace} and archive.id = entry.id`.execute(db)
}
