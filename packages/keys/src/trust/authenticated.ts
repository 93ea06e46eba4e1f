import { AurochsError, type BareJid, type CallOptions, type Fingerprint, type KnownKey } from "@aurochs/core"
import type { KeyStore, PutKeyOptions } from "@aurochs/storage"

/** How a decision is written down. */
export interface Deciding extends CallOptions {
  /** True: a key that is distrusted stays so, whatever is said now. */
  readonly unlessDistrusted?: boolean | undefined
}

/** A key store that can take up a new own key. */
export interface AuthenticatedKeys extends KeyStore {
  /**
   * Inserts a key, or replaces what is known of its certificate. What was decided of a known key stands, also what was
   * decided while `key` was on its way here, and so does when it was first seen: `decide` alone changes the one.
   */
  put(key: KnownKey, options?: PutKeyOptions): Promise<{ readonly kind: "stored" | "conflict" }>
  /**
   * Changes what the operator says of a known key, and nothing else of it.
   *
   * @throws {AurochsError} `NO_USABLE_KEY` if it is not known, `STORAGE`, `ABORTED`
   */
  decide(owner: BareJid, fingerprint: Fingerprint, approval: KnownKey["approval"], options?: Deciding): Promise<void>
  /** Seals the trust key again, to the own key that is in use now. */
  ownKeyChanged(options?: CallOptions): Promise<void>
  /** A small value that is authenticated like the records. */
  readValue(name: string, options?: CallOptions): Promise<unknown>
  /** @param change gets what is there, gives what is to be there: JSON */
  changeValue(
    name: string,
    change: (value: unknown) => unknown | Promise<unknown>,
    options?: CallOptions,
  ): Promise<void>
}

/** Is what is said of these keys authenticated? */
export function isAuthenticated(keys: KeyStore): keys is AuthenticatedKeys {
  return "decide" in keys && "readValue" in keys && "changeValue" in keys
}

/** The error of a decision on a key that nobody knows. */
export function notKnown(owner: BareJid, fingerprint: Fingerprint): AurochsError<"NO_USABLE_KEY"> {
  const leftOut = [{ fingerprint, because: "not-known" }]
  return new AurochsError("NO_USABLE_KEY", `${owner} has no known key ${fingerprint}`, { owner, leftOut })
}
