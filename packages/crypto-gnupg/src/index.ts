export { type GnupgAvailability, gnupgAvailable } from "./available.ts"
export type { AskPassphrase } from "./context.ts"
export { type GnupgOptions, type GnupgProvider, gnupg } from "./provider.ts"
