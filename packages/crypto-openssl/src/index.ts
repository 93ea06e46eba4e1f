export { type OpensslAvailability, opensslAvailable } from "./available.ts"
export { type OpensslOptions, openssl } from "./provider.ts"
