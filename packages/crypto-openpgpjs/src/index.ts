export { type OpenpgpjsAvailability, openpgpjsAvailable } from "./available.ts"
export { type OpenpgpjsOptions, openpgpjs } from "./provider.ts"
