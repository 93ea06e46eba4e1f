export { type PoolOptions, type PoolProvider, pool } from "./pool.ts"
