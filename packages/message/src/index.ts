export type { Check, Incoming, IncomingBase, Plaintext, Rejected, Secure, Unverified } from "./incoming.ts"
