export { type OpensslOptions, openssl } from "./provider.ts"
