export { announcedBefore, forgetAnnounced, rememberAnnounced } from "./announced.ts"
export {
  type Backup,
  type BackupOptions,
  backUpKeys,
  type Restored,
  removeBackup,
  restoreKeys,
} from "./backup/backup.ts"
export { backupCode, looksLikeBackupCode } from "./backup/code.ts"
export type { NodeRefusal } from "./backup/node.ts"
export { chooseKeys, type KeyChoice, type LeftOut, noUsableKey } from "./choose.ts"
export { binding } from "./combine/binding.ts"
export { type CacheOptions, cached } from "./combine/cached.ts"
export { chain, type StopRule, stopAtAnything } from "./combine/chain.ts"
export { merged, type SourceFailure } from "./combine/merged.ts"
export { type Accepted, type AcceptRule, policyOf } from "./common-rules.ts"
export type { BindingSource, Found, KeyDirectory, Missing } from "./directory.ts"
export { type ElsewhereOptions, type OtherSource, refreshElsewhere } from "./elsewhere.ts"
export { lastReadAt } from "./first-seen.ts"
export { isGone } from "./gone.ts"
export { type JudgedKey, type JudgeOptions, judgeKeys, judgeKeysAtOnce } from "./judge.ts"
export { announcedForm } from "./life/announced-form.ts"
export type { LifeOptions, Published } from "./life/parts.ts"
export { type Changed, type RevocationReason, renewKey, revokeKey, revokeWithCertificate } from "./life/revoke.ts"
export { DEFAULT_OVERLAP_MS, endDueRotation, type Rotated, retireKey, rotateKey } from "./life/rotate.ts"
export { type Rotation, rotationOf } from "./life/rotation.ts"
export { type Advice, type KeyStatus, keyStatus, type OwnKeyStatus, type Presence } from "./life/status.ts"
export { type UploadOptions, uploadOwnKeys } from "./life/upload.ts"
export { loadOwnKeys, type OwnKey, type OwnKeyOptions, ownKnownKeys, prepareOwnKey } from "./own-key.ts"
export { type OwnKeyAction, type OwnKeyFacts, ownKeyAtStart } from "./own-key-decision.ts"
export { announceOwnKey, type CheckOptions, checkOwnKey, type OwnKeyCheck } from "./own-list.ts"
export { type OwnSecretsOptions, type Passphrase, revocationStateKey } from "./own-secrets.ts"
export { type PepDirectory, type PepDirectoryOptions, pepDirectory } from "./pep/directory.ts"
export { blindBeforeVerification, pinned, tofu, verifiedOnly } from "./policies.ts"
export type { TrustFacts, TrustPolicy } from "./policy.ts"
export { type KeyChange, type Refreshed, type RefreshOptions, type RefusedKey, refreshKeys } from "./refresh.ts"
export { isStale, lookupDelayMs, maxListAgeMs } from "./retry.ts"
export { type OwnHandles, type SealedKeyOptions, sealAgain, sealedKey } from "./sealed-key.ts"
export type { AuthenticatedKeys, Deciding } from "./trust/authenticated.ts"
export { type DecideOptions, decideKey } from "./trust/decide.ts"
export { type AuthenticatedKeysOptions, authenticatedKeys } from "./trust/key-store.ts"
export {
  type HeardTrust,
  hearTrust,
  readTrustElement,
  reconsiderTrust,
  type TrustMessageOptions,
  trustElement,
} from "./trust/messages.ts"
export { announcedKeys, configuredKeys, either, firstKeys, introducing, verifiedKeys } from "./trust/rules.ts"
export { type TellOptions, type TrustTold, trustMessagesFor } from "./trust/telling.ts"
export { fingerprintUri, type KeyUri, readKeyUri, trustUri } from "./trust/uri.ts"
export type { TrustWord } from "./trust/waiting.ts"
export { type UpdateOptions, updateKnownKeys } from "./update-known.ts"
export { findUserId, userIdOf } from "./user-id.ts"
