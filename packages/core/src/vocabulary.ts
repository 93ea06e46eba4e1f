import type { BareJid, Fingerprint } from "./brands.ts"
import type { XmlElement } from "./element.ts"

/** An OpenPGP certificate (transferable public key, RFC 9580 §10.1): binary bytes, never armored, with its fingerprint. */
export interface Certificate {
  /** Of the primary key. */
  readonly fingerprint: Fingerprint
  readonly bytes: Uint8Array
}

/** A certificate as one account knows it: whose it is, where it came from, what a person said of it. */
export interface KnownKey extends Certificate {
  readonly owner: BareJid
  readonly firstSeen: Date
  /** Name of the directory it came from, or `config`, `import`. */
  readonly source: string
  /** What the source proves: that the key belongs to the XMPP account, or less. */
  readonly binds: "account" | "dnssec" | "https-domain" | "nothing"
  /** Is it in the owner's newest `<public-keys-list/>`? */
  readonly announced: boolean
  /** What the operator said by hand. */
  readonly approval: "verified" | "distrusted" | "none"
}

/** How well a key's owner is known, best first. */
export type TrustLevel = "verified" | "introduced" | "first-use" | "blind" | "quarantined" | "distrusted"

/** What a trust policy says of one key. */
export interface TrustDecision {
  readonly use: "encrypt+verify" | "verify-only" | "never"
  readonly level: TrustLevel
  readonly because:
    | "pinned"
    | "first-key"
    | "new-key"
    | "revoked"
    | "expired"
    | "no-user-id"
    | "not-announced"
    | "by-hand"
    | "certified"
}

/** What became of an incoming message. */
export type Outcome = "secure" | "unverified" | "rejected" | "plaintext"

/** How a message came to us. */
export type Via = "live" | "carbon-sent" | "carbon-received" | "mam"

/** One incoming message. Its origin (carbon, archive) was already checked by the transport. */
export interface Delivery {
  /** The `<message/>` itself, unwrapped from carbon or archive result. */
  readonly stanza: XmlElement
  readonly via: Via
  /** The stamp of our own server's archive or `<delay/>`; nobody else's. */
  readonly stampedAt?: Date | undefined
  /**
   * It is on disk now. The stream-management count and the archive cursor move only past what was kept; what was not
   * is delivered again after a crash.
   */
  kept(): void
}
