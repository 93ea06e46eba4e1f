import type { BareJid, Fingerprint } from "./brands.ts"

/**
 * Every error code, and what an error with this code tells. The union is closed: a caller may switch over it.
 * No detail ever contains plaintext, a key or a passphrase.
 */
export interface AurochsErrorDetails {
  /** The caller's `signal` was aborted. */
  ABORTED: undefined
  /** The input is not what it has to be, or exceeds the named limit. */
  BAD_DATA: {
    readonly what: "jid" | "fingerprint" | "certificate" | "secret-key" | "message" | "xml" | "payload"
    readonly limit?: string
  }
  CANNOT_DECRYPT: { readonly because: "not-for-us" | "damaged" | "bad-passphrase" }
  /** A secret key needs a passphrase that was not given. */
  KEY_LOCKED: { readonly fingerprint: Fingerprint }
  /** No certificate of `owner` may be encrypted to; each one is named with its reason. */
  NO_USABLE_KEY: {
    readonly owner: BareJid
    readonly leftOut: readonly { readonly fingerprint: Fingerprint; readonly because: string }[]
  }
  UNSUPPORTED: { readonly feature: string }
  /** An OpenPGP engine failed in a way that has no code of its own. */
  BACKEND: { readonly backend: string; readonly exitCode?: number }
  NETWORK: {
    readonly phase: "dns" | "connect" | "tls" | "timeout" | "closed"
    readonly retryAfterMs?: number
  }
  /** The other entity answered with a stanza error (RFC 6120 §8.3). */
  STANZA_ERROR: {
    readonly condition: string
    readonly type: "cancel" | "wait" | "modify" | "auth" | "continue"
    /** Application-specific condition (RFC 6120 §8.3.4), e.g. `precondition-not-met`. */
    readonly application?: string
  }
  HTTP: { readonly status: number; readonly retryAfterMs?: number }
  AUTHENTICATION: { readonly mechanism?: string }
  /** A setting is missing or wrong; `field` names it. */
  CONFIGURATION: { readonly field: string }
  STORAGE: { readonly operation: string }
}

/** The closed union of error codes. */
export type AurochsErrorCode = keyof AurochsErrorDetails

const mark = Symbol.for("aurochs.error")

/** The one error type of all Aurochs packages. Recognise it with {@link isAurochsError}, not with `instanceof`. */
export class AurochsError<C extends AurochsErrorCode = AurochsErrorCode> extends Error {
  readonly code: C
  readonly details: AurochsErrorDetails[C]

  /**
   * @param code one of the closed union
   * @param message for people; never plaintext, a key or a passphrase
   * @param details what the code promises
   * @param options `cause`: the error underneath
   */
  constructor(code: C, message: string, details: AurochsErrorDetails[C], options?: { cause?: unknown }) {
    super(message, options)
    this.name = "AurochsError"
    this.code = code
    this.details = details
    Object.defineProperty(this, mark, { value: true })
  }
}

/** An error of any code: switching over `code` narrows `details`. */
export type AnyAurochsError = { [C in AurochsErrorCode]: AurochsError<C> }[AurochsErrorCode]

/**
 * Is `error` an {@link AurochsError}, with this code if one is given? Works across two copies of this package.
 *
 * @param error anything that was thrown
 * @param code narrow to this code
 */
export function isAurochsError<C extends AurochsErrorCode>(error: unknown, code: C): error is AurochsError<C>
export function isAurochsError(error: unknown): error is AnyAurochsError
export function isAurochsError(error: unknown, code?: AurochsErrorCode): boolean {
  if (typeof error !== "object" || error === null) return false
  if ((error as { [mark]?: unknown })[mark] !== true) return false
  return code === undefined || (error as { code?: unknown }).code === code
}
