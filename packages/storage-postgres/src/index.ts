export { migrate, pendingMigrations } from "./migrate.ts"
export { type PostgresStorageOptions, postgresStorage } from "./storage.ts"
