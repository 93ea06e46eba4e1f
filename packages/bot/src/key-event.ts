import type { BareJid, Fingerprint, TrustDecision } from "@aurochs/core"

/** Something happened to an account's keys. Each one is a line in the audit log, too. */
export interface KeyEvent {
  /** One's own account: somebody else put a key into its list. */
  readonly owner: BareJid
  readonly fingerprint: Fingerprint
  readonly kind:
    | "key-new"
    /** New, and a key that was trusted before vouches for it: the owner changed keys. */
    | "key-introduced"
    /** New, and not used until the operator approves it. */
    | "key-quarantined"
    | "key-changed"
    | "key-revoked"
    | "key-gone"
    | "key-back"
    | "key-missing"
  /** What the policy says of it now; absent for keys that are not known. */
  readonly decision?: TrustDecision | undefined
  /** So many others like this one are not told one by one. Only for one's own account: ten an hour are. */
  readonly more?: number | undefined
}

/** Told of what happened to keys. */
export type KeyEventHandler = (event: KeyEvent) => unknown
