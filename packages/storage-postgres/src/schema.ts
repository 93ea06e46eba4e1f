import type { Outcome, Via } from "@aurochs/core"
import type { OutboxEntry } from "@aurochs/storage"
import type { Generated, Kysely } from "kysely"

/** Everything lies in this schema. */
export const schemaName = "aurochs"

/** The tables, as Kysely sees them. `bigint` comes as text: see `ids.ts`. */
export interface Tables {
  archive: ArchiveTable
  outbox: OutboxTable
  seen: SeenTable
  keys: KeysTable
  secrets: SecretsTable
  state: StateTable
  audit: AuditTable
}

/** A connection to the tables; `withSchema` is applied. */
export type Database = Kysely<Tables>

/** Every table is shared by all who use the database; each of them sees its own namespace. */
interface Namespaced {
  namespace: string
}

/** Ciphertext: the stanza as it was carried. */
export interface ArchiveTable extends Namespaced {
  id: Generated<string>
  account: string
  peer: string
  direction: "in" | "out"
  digest: Buffer
  stanza: string
  /** Of the whole stanza. */
  stanza_bytes: number
  openpgp: Buffer | null
  /** Which child of the stanza has these bytes in Base64 as its text; the text is left out of `stanza`. */
  openpgp_at: number | null
  via: Via | "sent"
  stamped_at: Date | null
  stored_at: Date
  /** The time of the message. */
  at: Date
  handled: boolean
  outcome: Outcome | null
  reason: string | null
  signer: string | null
  written_at: Date | null
  stranger: boolean | null
}

export interface OutboxTable extends Namespaced {
  id: Generated<string>
  account: string
  recipient: string
  key: string
  /** Null: forgotten after it was sent. */
  sealed: Buffer | null
  sealed_bytes: number
  enqueued_at: Date
  state: OutboxEntry["state"]
  because: string | null
  retry_at: Date | null
  attempts: number
  lost_connections: number
  lease: string | null
  lease_ends_at: Date | null
  stanza_id: string | null
  sent_at: Date | null
}

/** SHA-256 digests, so that any text has a place. */
export interface SeenTable extends Namespaced {
  key_digest: Buffer
  carried_in_digest: Buffer
}

export interface KeysTable extends Namespaced {
  owner: string
  fingerprint: string
  bytes: Buffer
  first_seen: Date
  source: string
  binds: "account" | "dnssec" | "https-domain" | "nothing"
  announced: boolean
  approval: "verified" | "distrusted" | "none"
  /** The order of arrival, for keys first seen at the same moment. */
  arrival: Generated<string>
}

export interface SecretsTable extends Namespaced {
  id: Generated<string>
  account: string
  digest: Buffer
  bytes: Buffer
}

export interface StateTable extends Namespaced {
  key: string
  bytes: Buffer
  version: string
}

export interface AuditTable extends Namespaced {
  id: Generated<string>
  at: Date
  account: string
  kind: string
  subject: string | null
  fingerprint: string | null
  /** A JSON object of texts. */
  detail: string | null
}
