import type { SeenSet } from "@aurochs/storage"
import { sql } from "kysely"
import { arrays } from "./arrays.ts"
import type { Connection } from "./connection.ts"
import { groups, runnerFor } from "./groups.ts"
import { sha256 } from "./ids.ts"
import type { Database } from "./schema.ts"

interface Claim {
  readonly key: Buffer
  readonly carriedIn: Buffer
}
type Result = Awaited<ReturnType<SeenSet["claim"]>>

/** The seen texts of one namespace. */
export function seenOn(link: Connection, namespace: string): SeenSet {
  const claims = groups<Claim, Result>((wanted) =>
    runnerFor(link, wanted.length)("seen.claim", (db) => claimAll(db, namespace, wanted)),
  )
  return {
    claim: (key, carriedIn, options) => claims.add({ key: sha256(key), carriedIn: sha256(carriedIn) }, options),
    [Symbol.asyncDispose]: () => claims[Symbol.asyncDispose](),
  }
}

async function claimAll(db: Database, namespace: string, wanted: readonly Claim[]): Promise<Result[]> {
  const firsts = new Map<string, Claim>()
  for (const claim of wanted) if (!firsts.has(nameOf(claim.key))) firsts.set(nameOf(claim.key), claim)
  // Sorted, so that two who claim the same keys do not wait for each other.
  const unique = [...firsts.values()].sort((a, b) => Buffer.compare(a.key, b.key))
  const rows = new Map((await insertOrRead(db, namespace, unique)).map((row) => [nameOf(row.key_digest), row]))
  return wanted.map((claim) => {
    const name = nameOf(claim.key)
    const row = rows.get(name)
    if (row?.is_new === true && firsts.get(name) === claim) return "first"
    return row?.carried_in_digest.equals(claim.carriedIn) ? "same-stanza" : "elsewhere"
  })
}

interface Row {
  readonly key_digest: Buffer
  readonly carried_in_digest: Buffer
  readonly is_new: boolean
}

/**
 * One statement, so all or none: were a row there and its answer lost, the message would count as seen. A row that is
 * there is written as it is, which gives it back also if somebody else made it a moment ago; a row that no other
 * transaction ever touched has no `xmax`.
 */
async function insertOrRead(db: Database, namespace: string, claims: readonly Claim[]): Promise<readonly Row[]> {
  const { rows } = await sql<Row>`
    insert into aurochs.seen as seen (namespace, key_digest, carried_in_digest)
    select ${namespace}, key, carried_in
    from unnest(${arrays.bytea(claims.map(({ key }) => key))}, ${arrays.bytea(claims.map((one) => one.carriedIn))})
      with ordinality as claim (key, carried_in, place)
    order by place
    on conflict (namespace, key_digest) do update set carried_in_digest = seen.carried_in_digest
    returning key_digest, carried_in_digest, (xmax = 0) as is_new`.execute(db)
  return rows
}

function nameOf(key: Buffer): string {
  return key.toString("latin1")
}
