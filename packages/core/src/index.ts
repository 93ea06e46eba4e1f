export type { BareJid, Brand, Fingerprint, FullJid } from "./brands.ts"
export { aborted, type CallOptions, orAborted, throwIfAborted } from "./call.ts"
export { digestOf } from "./digest.ts"
export { childElement, childElements, element, textOf, type XmlElement } from "./element.ts"
export {
  type AnyAurochsError,
  AurochsError,
  type AurochsErrorCode,
  type AurochsErrorDetails,
  isAurochsError,
} from "./errors.ts"
export { fingerprint, formatFingerprint } from "./fingerprint.ts"
export { bareJid, domainOf, fullJid, type JidParts, parseJid, sameBareJid, toBareJid } from "./jid.ts"
export { cryptoRandom, type Random, randomId, randomInteger } from "./random.ts"
export { type Clock, systemClock } from "./time.ts"
export type { PepEvent, Session, Transport } from "./transport.ts"
export type { Certificate, Delivery, KnownKey, Outcome, TrustDecision, TrustLevel, Via } from "./vocabulary.ts"
