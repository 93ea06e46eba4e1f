export { migrate, pendingMigrations } from "./migrate.ts"
export { soleUser } from "./sole-user.ts"
export { type PostgresStorageOptions, postgresStorage } from "./storage.ts"
