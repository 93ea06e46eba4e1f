export type { Archive, ArchiveEntry, ArchiveId, ArchiveQuery, EntryVerdict, NewEntry } from "./archive.ts"
export type { Leased, NewOutboxEntry, Outbox, OutboxEntry, OutboxId, Settlement } from "./outbox.ts"
export type { AuditEvent, AuditLog, KeyStore, SecretStore, SeenSet, StateStore, StateValue, Storage } from "./stores.ts"
