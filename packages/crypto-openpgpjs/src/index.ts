export { type OpenpgpjsOptions, openpgpjs } from "./provider.ts"
