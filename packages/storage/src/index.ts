export type { Archive, ArchiveEntry, ArchiveId, ArchiveQuery, EntryVerdict, NewEntry } from "./archive.ts"
export { elementFromJson, elementToJson, entryDigest } from "./entry.ts"
export { fileStorage, fileStore } from "./file/storage.ts"
export { memoryStorage } from "./memory.ts"
export {
  type Leased,
  maxRunBytes,
  type NewOutboxEntry,
  type Outbox,
  type OutboxEntry,
  type OutboxId,
  type Settlement,
} from "./outbox.ts"
export type {
  AuditEvent,
  AuditLog,
  KeyStore,
  PutKeyOptions,
  SecretStore,
  SeenSet,
  StateStore,
  StateValue,
  Storage,
} from "./stores.ts"
