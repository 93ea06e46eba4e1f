import type { BareJid, CallOptions, Fingerprint, KnownKey } from "@aurochs/core"
import type { Archive } from "./archive.ts"
import type { Outbox } from "./outbox.ts"

/** Which sealed texts were seen, against replay. Outlives removed archive entries. */
export interface SeenSet extends AsyncDisposable {
  /**
   * Atomic, also between processes: exactly one caller gets `first` for a key.
   *
   * @param key digest of the sealed text (`replayKey` of an opened message)
   * @param carriedIn names the stanza it came in
   * @returns `same-stanza` if it was claimed by the same stanza before, `elsewhere` if by another one
   */
  claim(key: string, carriedIn: string, options?: CallOptions): Promise<"first" | "same-stanza" | "elsewhere">
}

/** When a key is to be stored. */
export interface PutKeyOptions extends CallOptions {
  readonly ifBytes?: Uint8Array | "absent" | undefined
}

/** Certificates of contacts, with what is known of each. */
export interface KeyStore extends AsyncDisposable {
  /** In the order in which they were first seen. */
  keysOf(owner: BareJid, options?: CallOptions): AsyncIterable<KnownKey>
  /** Every owner that has a key here, sorted. */
  owners(options?: CallOptions): AsyncIterable<BareJid>
  /**
   * Inserts, or replaces by (owner, fingerprint). Durable when it resolves.
   *
   * @param options.ifBytes store only if these are still the bytes of the stored key; `"absent"`: only if there is none
   * @returns `conflict` if it is not so; nothing was changed then
   */
  put(key: KnownKey, options?: PutKeyOptions): Promise<{ readonly kind: "stored" | "conflict" }>
  remove(owner: BareJid, fingerprint: Fingerprint, options?: CallOptions): Promise<void>
}

/** One's own secret keys as transferable secret keys, protected by a passphrase unless the operator chose none. */
export interface SecretStore extends AsyncDisposable {
  /** All of this account's, oldest first; old ones are kept for old messages. */
  load(account: BareJid, options?: CallOptions): Promise<Uint8Array[]>
  /** Adds one; the same bytes again change nothing. Durable when it resolves. */
  save(account: BareJid, secret: Uint8Array, options?: CallOptions): Promise<void>
}

/** A small value with its version. */
export interface StateValue {
  readonly bytes: Uint8Array
  readonly version: string
}

/** Small values by name: archive cursor, tokens, what was announced. */
export interface StateStore extends AsyncDisposable {
  get(key: string, options?: CallOptions): Promise<StateValue | undefined>
  /**
   * @param options.ifVersion store only if this is still the version; `"absent"`: only if there is no value
   * @returns `conflict` if it is not; nothing was changed then
   */
  put(
    key: string,
    bytes: Uint8Array,
    options?: CallOptions & { readonly ifVersion?: string | undefined },
  ): Promise<{ readonly kind: "stored"; readonly version: string } | { readonly kind: "conflict" }>
  delete(key: string, options?: CallOptions): Promise<void>
}

/** Something an operator may have to answer for later. Never plaintext, a key or a passphrase. */
export interface AuditEvent {
  readonly at: Date
  readonly account: BareJid
  /** Kebab-case, e.g. `key-quarantined`. */
  readonly kind: string
  readonly subject?: BareJid | undefined
  readonly fingerprint?: Fingerprint | undefined
  readonly detail?: Readonly<Record<string, string>> | undefined
}

/** Append-only. */
export interface AuditLog extends AsyncDisposable {
  append(event: AuditEvent, options?: CallOptions): Promise<void>
  /** Oldest first. */
  read(
    query: { readonly account: BareJid; readonly subject?: BareJid | undefined },
    options?: CallOptions,
  ): AsyncIterable<AuditEvent>
}

/** Everything a bot keeps. Disposing it disposes each part. */
export interface Storage extends AsyncDisposable {
  /** Does it outlive the process? A bot makes a new key only where it can keep it. */
  readonly durable: boolean
  readonly archive: Archive
  readonly outbox: Outbox
  readonly seen: SeenSet
  readonly keys: KeyStore
  readonly secrets: SecretStore
  readonly state: StateStore
  readonly audit: AuditLog
}
