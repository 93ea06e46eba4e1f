import type { BareJid, CallOptions, Fingerprint, KnownKey } from "@aurochs/core"
import type { CertificateInfo } from "@aurochs/crypto"

/** Sources besides PEP that a policy may let bind a key to an account: a domain's signed DNS, its web server. */
export type BindingSource = Exclude<KnownKey["binds"], "account" | "nothing">

/** A certificate as a source has it: not yet read, not yet trusted. */
export interface Found {
  readonly bytes: Uint8Array
  /** Name of the directory. */
  readonly source: string
  readonly binds: KnownKey["binds"]
  /** How long the source lets it be kept, in milliseconds. */
  readonly expiresInMs?: number | undefined
}

/** A key that is listed, but whose data could not be had or is not what the list says: a gap is named, never silent. */
export interface Missing {
  readonly missing: Fingerprint
  readonly because: string
  /** Name of the directory, where it is one of several. */
  readonly source?: string | undefined
  /**
   * The source does not speak for the account: what it lists is no entry of the owner's list, so the gap neither delays
   * a message nor brings a key back.
   */
  readonly candidate?: true | undefined
}

/** Where certificates are found and, on some, published. */
export interface KeyDirectory {
  readonly name: string
  /**
   * Names of the directories that every complete lookup asks; `[name]` if absent. What came from one of these and is not
   * in its answer any more is gone there.
   */
  readonly sources?: readonly string[] | undefined
  /** Which one it is, where there may be several of this name: the address of a key server. */
  readonly place?: string | undefined
  /** What it binds a key to, if a policy takes its word (`binding`); absent: nothing, or the account itself. */
  readonly proves?: BindingSource | undefined
  /** What asking it tells to whom, for the person who switches it on; absent where only the account's servers are asked. */
  readonly notice?: string | undefined
  /**
   * Everything the source has for `owner`. Nothing found: empty.
   *
   * @throws {AurochsError} only if the source could not be asked, or its answer not be read: `NETWORK`, `STANZA_ERROR`,
   * `HTTP`, `BAD_DATA`, `ABORTED`
   */
  lookup(
    query: { readonly owner: BareJid; readonly fingerprint?: Fingerprint | undefined },
    options?: CallOptions,
  ): AsyncIterable<Found | Missing>
  /** Adds one's own certificate and never drops another client's entry. Absent on read-only sources. */
  publish?(certificate: CertificateInfo, options?: CallOptions): Promise<void>
  /** Takes one's own certificate out again. */
  retract?(fingerprint: Fingerprint, options?: CallOptions): Promise<void>
  /** Owners whose keys may have changed. Absent where there is no push. */
  changes?(options?: CallOptions): AsyncIterable<BareJid>
  /**
   * Asks to be told of this owner's changes, too, in `changes`, where the source tells only some by itself. Doing so
   * again changes nothing.
   *
   * @throws {AurochsError} as `lookup`
   */
  subscribe?(owner: BareJid, options?: CallOptions): Promise<"subscribed" | "nothing-visible">
}
