import type { AurochsError, BareJid, Fingerprint, TrustDecision, Via, XmlElement } from "@aurochs/core"

/** The check a message failed. One of these, in the order in which they are made. */
export type Check =
  | "unsupported"
  | "syntax"
  | "limit"
  | "decrypt"
  | "signature"
  | "signer"
  | "user-id"
  | "recipient"
  | "time"
  | "replay"

/** What every incoming message has, whatever became of it. */
export interface IncomingBase {
  readonly account: BareJid
  /** The other side: the sender, or the recipient of what another client of ours sent. */
  readonly peer: BareJid
  /** `out`: another client of this account sent it (carbon, archive). */
  readonly direction: "in" | "out"
  readonly via: Via
  /** The stanza's `id`. */
  readonly stanzaId?: string | undefined
  readonly stampedAt?: Date | undefined
  /** What was odd but no reason to refuse: unknown or dropped elements. Never content. */
  readonly notes: readonly string[]
}

/** Every check passed. */
export interface Secure extends IncomingBase {
  readonly kind: "secure"
  /** The `<body/>` inside, if there is one. */
  readonly body?: string | undefined
  /** The children of `<payload/>` that may be treated as children of the message (XEP-0374 §2.2). */
  readonly payload: readonly XmlElement[]
  /** Primary key. */
  readonly signedBy: Fingerprint
  /** Primary key of the own key that opened it, where the engine tells. */
  readonly openedWith?: Fingerprint | undefined
  /** The `<time/>` inside. */
  readonly writtenAt: Date
  readonly trust: TrustDecision
}

/** It opens, but who wrote it is not established: the ciphertext is kept and opened again when keys change. */
export interface Unverified extends IncomingBase {
  readonly kind: "unverified"
  readonly reason: "unknown-key" | "unusable-key" | "untrusted-key" | "undetermined"
  /** Key id or fingerprint named by the signature, unproven. */
  readonly issuer?: string | undefined
  /** For a person to look at, marked as such; never given to handlers (XEP-0373 §3.1). */
  readonly unverifiedBody?: string | undefined
}

/** A check failed. */
export interface Rejected extends IncomingBase {
  readonly kind: "rejected"
  readonly check: Check
  readonly error?: AurochsError | undefined
}

/** No encryption at all: no `<openpgp/>`, no EME, type neither `error` nor `groupchat`. */
export interface Plaintext extends IncomingBase {
  readonly kind: "plaintext"
  readonly body: string
}

/** What became of an incoming message. */
export type Incoming = Secure | Unverified | Rejected | Plaintext
