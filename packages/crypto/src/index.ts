export type { CertificateInfo, SecretKey, UserId } from "./certificate.ts"
export { defaultLimits, type Limits } from "./limits.ts"
export type { At, CryptoProvider, Generated, KeyLifecycle, KeySpec, SecretTransfer } from "./provider.ts"
export type { Opened, SignatureVerdict } from "./verdict.ts"
