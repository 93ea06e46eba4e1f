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
  const taken = new Set((await insert(db, namespace, unique)).map(nameOf))
  const known = unique.filter(({ key }) => !taken.has(nameOf(key)))
  const before = known.length === 0 ? new Map<string, Buffer>() : await find(db, namespace, known)
  return wanted.map((claim) => {
    const name = nameOf(claim.key)
    const first = firsts.get(name)
    if (taken.has(name) && first === claim) return "first"
    const carriedIn = taken.has(name) ? first?.carriedIn : before.get(name)
    return carriedIn?.equals(claim.carriedIn) ? "same-stanza" : "elsewhere"
  })
}

async function insert(db: Database, namespace: string, claims: readonly Claim[]): Promise<Buffer[]> {
  const { rows } = await sql<{ key_digest: Buffer }>`
    insert into aurochs.seen (namespace, key_digest, carried_in_digest)
    select ${namespace}, key, carried_in
    from unnest(${arrays.bytea(claims.map(({ key }) => key))}, ${arrays.bytea(claims.map((one) => one.carriedIn))})
      with ordinality as claim (key, carried_in, place)
    order by place
    on conflict (namespace, key_digest) do nothing
    returning key_digest`.execute(db)
  return rows.map((row) => row.key_digest)
}

/** Nothing ever deletes such a row. */
async function find(db: Database, namespace: string, claims: readonly Claim[]): Promise<Map<string, Buffer>> {
  const { rows } = await sql<{ key_digest: Buffer; carried_in_digest: Buffer }>`
    select key_digest, carried_in_digest from aurochs.seen
    where namespace = ${namespace} and key_digest = any(${arrays.bytea(claims.map(({ key }) => key))})`.execute(db)
  return new Map(rows.map((row) => [nameOf(row.key_digest), row.carried_in_digest]))
}

function nameOf(key: Buffer): string {
  return key.toString("latin1")
}
