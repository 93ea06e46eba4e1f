export type { Found, KeyDirectory, Missing } from "./directory.ts"
export type { TrustFacts, TrustPolicy } from "./policy.ts"
