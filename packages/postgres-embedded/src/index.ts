export { type ProcessLock, processLock } from "./lock.ts"
export { freePort } from "./process.ts"
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, embeddedPostgres } from "./server.ts"
