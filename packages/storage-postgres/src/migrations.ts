import { type Kysely, sql } from "kysely"
import type { Migration } from "kysely/migration"

/** By name, in order. A migration that was released is never changed. */
export const migrations: Readonly<Record<string, Migration>> = {
  "0001-first": { up: first },
  "0002-out-of-line": { up: outOfLine },
  "0003-openpgp-once": { up: openpgpOnce },
  "0004-unclear": { up: unclear },
  "0005-audit-only-grows": { up: auditOnlyGrows },
}

const archive = sql`
  create table aurochs.archive (
    id bigint generated always as identity primary key,
    namespace text not null,
    account text not null,
    peer text not null,
    direction text not null check (direction in ('in', 'out')),
    digest bytea not null,
    stanza text not null,
    stanza_bytes integer not null,
    openpgp bytea,
    via text not null check (via in ('live', 'carbon-sent', 'carbon-received', 'mam', 'sent')),
    stamped_at timestamptz,
    stored_at timestamptz not null,
    at timestamptz not null,
    handled boolean not null,
    outcome text check (outcome in ('secure', 'unverified', 'rejected', 'plaintext')),
    reason text,
    signer text,
    written_at timestamptz,
    stranger boolean,
    unique (namespace, account, direction, digest)
  )`

const outbox = sql`
  create table aurochs.outbox (
    id bigint generated always as identity primary key,
    namespace text not null,
    account text not null,
    recipient text not null,
    key text not null,
    sealed bytea,
    sealed_bytes integer not null,
    enqueued_at timestamptz not null,
    state text not null check (state in ('waiting', 'leased', 'parked', 'sent')),
    because text,
    retry_at timestamptz,
    attempts integer not null,
    lost_connections integer not null,
    lease text,
    lease_ends_at timestamptz,
    stanza_id text,
    sent_at timestamptz,
    unique (namespace, account, key),
    check (sealed is not null or state = 'sent'),
    check ((state = 'leased') = (lease is not null and lease_ends_at is not null))
  )`

const rest = [
  sql`create table aurochs.seen (
    namespace text not null,
    key_digest bytea not null,
    carried_in_digest bytea not null,
    primary key (namespace, key_digest)
  )`,
  sql`create table aurochs.keys (
    namespace text not null,
    owner text not null,
    fingerprint text not null,
    bytes bytea not null,
    first_seen timestamptz not null,
    source text not null,
    binds text not null check (binds in ('account', 'dnssec', 'https-domain', 'nothing')),
    announced boolean not null,
    approval text not null check (approval in ('verified', 'distrusted', 'none')),
    arrival bigint generated always as identity,
    primary key (namespace, owner, fingerprint)
  )`,
  sql`create table aurochs.secrets (
    id bigint generated always as identity primary key,
    namespace text not null,
    account text not null,
    digest bytea not null,
    bytes bytea not null,
    unique (namespace, account, digest)
  )`,
  sql`create table aurochs.state (
    namespace text not null,
    key text not null,
    bytes bytea not null,
    version text not null,
    primary key (namespace, key)
  )`,
  sql`create table aurochs.audit (
    id bigint generated always as identity primary key,
    namespace text not null,
    at timestamptz not null,
    account text not null,
    kind text not null,
    subject text,
    fingerprint text,
    detail text
  )`,
]

const indexes = [
  sql`create index archive_by_id on aurochs.archive (namespace, account, id)`,
  sql`create index archive_by_peer on aurochs.archive (namespace, account, peer, id)`,
  sql`create index archive_by_time on aurochs.archive (namespace, account, at)`,
  sql`create index archive_by_peer_and_time on aurochs.archive (namespace, account, peer, at)`,
  sql`create index archive_unhandled on aurochs.archive (namespace, account, id) where direction = 'in' and not handled`,
  sql`create index archive_strangers on aurochs.archive (namespace, account, id) where stranger`,
  sql`create index outbox_lines on aurochs.outbox (namespace, account, recipient, id) where state in ('waiting', 'leased')`,
  sql`create index outbox_by_id on aurochs.outbox (namespace, account, id)`,
  sql`create index outbox_by_stanza on aurochs.outbox (namespace, account, stanza_id) where state = 'sent'`,
  sql`create index audit_by_account on aurochs.audit (namespace, account, id)`,
]

async function first(db: Kysely<never>): Promise<void> {
  for (const statement of [archive, outbox, ...rest, ...indexes]) await statement.execute(db)
}

/**
 * Ciphertext does not become smaller, and it never changes: kept beside its row, uncompressed, so that a change of state
 * writes a small row only. Rows that are there already stay as they are.
 */
async function outOfLine(db: Kysely<never>): Promise<void> {
  for (const statement of [
    sql`alter table aurochs.archive alter column openpgp set storage external, alter column stanza set storage external`,
    sql`alter table aurochs.archive set (toast_tuple_target = 512)`,
    sql`alter table aurochs.outbox alter column sealed set storage external`,
    sql`alter table aurochs.outbox set (toast_tuple_target = 512)`,
  ])
    await statement.execute(db)
}

/** The text of a stanza's OpenPGP message is its bytes in Base64: kept once. Rows that are there already stay. */
async function openpgpOnce(db: Kysely<never>): Promise<void> {
  await sql`alter table aurochs.archive add column openpgp_at integer check (openpgp_at >= 0)`.execute(db)
}

/** What is looked at again from time to time: a few among all that is there. */
async function unclear(db: Kysely<never>): Promise<void> {
  await sql`create index archive_unclear on aurochs.archive (namespace, account, outcome, id)
    where outcome in ('unverified', 'rejected')`.execute(db)
}

/** Whoever may write rows cannot take one back: that takes the right to change the table itself. */
async function auditOnlyGrows(db: Kysely<never>): Promise<void> {
  for (const statement of [
    sql`create function aurochs.refuse_change() returns trigger language plpgsql set search_path = '' as $$
      begin
        raise exception 'aurochs.% only grows', tg_table_name using errcode = 'insufficient_privilege';
      end $$`,
    sql`create trigger audit_only_grows before update or delete or truncate on aurochs.audit
      for each statement execute function aurochs.refuse_change()`,
  ])
    await statement.execute(db)
}
