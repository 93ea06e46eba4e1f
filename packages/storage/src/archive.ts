import type { BareJid, Brand, CallOptions, Fingerprint, Outcome, Via, XmlElement } from "@aurochs/core"

/** Names one archived message; ids grow in the order of arrival and compare as text. */
export type ArchiveId = Brand<string, "ArchiveId">

/** A message to be archived, as it was carried. */
export interface NewEntry {
  readonly account: BareJid
  readonly peer: BareJid
  readonly direction: "in" | "out"
  /** The outer stanza, unchanged: the ciphertext stays inside. */
  readonly stanza: XmlElement
  /** The bytes of the OpenPGP message; absent if the stanza has none. Entries are told apart by their SHA-256. */
  readonly openpgp?: Uint8Array | undefined
  readonly via: Via | "sent"
  /** Our own server's stamp. */
  readonly stampedAt?: Date | undefined
  /** When we had it. */
  readonly storedAt: Date
  /** Known at once for what we sent; set later for what arrived. */
  readonly verdict?: EntryVerdict | undefined
}

/** What was found when the message was opened. */
export interface EntryVerdict {
  readonly outcome: Outcome
  /** The failed check or the reason, for `rejected` and `unverified`. */
  readonly reason?: string | undefined
  readonly signer?: Fingerprint | undefined
  /** The `<time/>` inside. */
  readonly writtenAt?: Date | undefined
  /** True if nothing is known of the sender: such entries are bounded by {@link Archive.boundStrangers}. */
  readonly stranger?: boolean | undefined
}

/** A message in the archive. */
export interface ArchiveEntry extends NewEntry {
  readonly id: ArchiveId
  /** The handlers have had it; true from the beginning for what we sent. */
  readonly handled: boolean
}

/** Which messages to read. `since` and `before` compare with the time of the message: `stampedAt`, else `storedAt`. */
export interface ArchiveQuery {
  readonly account: BareJid
  readonly peer?: BareJid | undefined
  readonly direction?: "in" | "out" | undefined
  readonly outcome?: Outcome | undefined
  /** Included. */
  readonly since?: Date | undefined
  /** Not included. */
  readonly before?: Date | undefined
  /** Continue behind this entry, in the order asked for. */
  readonly after?: ArchiveId | undefined
  /** By id; `old-first` by default. */
  readonly order?: "old-first" | "new-first" | undefined
  readonly limit?: number | undefined
}

/** What was sent and received, as ciphertext, for as long as the operator likes. */
export interface Archive extends AsyncDisposable {
  /**
   * Keeps a message as it was carried, before anybody acts on it.
   *
   * Durable when it resolves. Idempotent on (account, direction, SHA-256 of the OpenPGP bytes, or of the stanza where
   * there are none; see {@link entryDigest}): the second time gives the id of the first and `isNew: false`, and changes
   * nothing.
   *
   * @throws {AurochsError} `STORAGE`, `ABORTED`, as every other call here
   */
  append(entry: NewEntry, options?: CallOptions): Promise<{ readonly id: ArchiveId; readonly isNew: boolean }>
  /** Undefined: there is no such entry, or it was removed. */
  get(id: ArchiveId, options?: CallOptions): Promise<ArchiveEntry | undefined>
  /** One entry at a time is in memory. Entries that are removed meanwhile are left out. */
  read(query: ArchiveQuery, options?: CallOptions): AsyncIterable<ArchiveEntry>
  /** Replaces the verdict; also later, when a sender's key arrived. An unknown id changes nothing. */
  setVerdict(id: ArchiveId, verdict: EntryVerdict, options?: CallOptions): Promise<void>
  /**
   * The handlers have had it. An unknown id changes nothing.
   *
   * @param options.verdict set in the same step, as by {@link Archive.setVerdict}
   */
  markHandled(id: ArchiveId, options?: CallOptions & { readonly verdict?: EntryVerdict | undefined }): Promise<void>
  /** Incoming entries that a crash left unhandled, oldest first. */
  unhandled(account: BareJid, options?: CallOptions): AsyncIterable<ArchiveEntry>
  /** The number of those that were there. The same message may be appended again afterwards, under another id. */
  remove(ids: readonly ArchiveId[], options?: CallOptions): Promise<number>
  /** Removes the oldest entries marked `stranger` until at most this many entries and bytes (stanza as JSON) of them remain; the number removed. */
  boundStrangers(
    account: BareJid,
    bounds: { readonly maxEntries: number; readonly maxBytes: number },
    options?: CallOptions,
  ): Promise<number>
}
