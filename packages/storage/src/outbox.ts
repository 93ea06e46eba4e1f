import type { BareJid, Brand, CallOptions } from "@aurochs/core"

/** Names one waiting message; ids grow in the order of entry and compare as text. */
export type OutboxId = Brand<string, "OutboxId">

/** Sealed bytes of one run of {@link Outbox.claim}, at most. */
export const maxRunBytes = 1_048_576

/** A message that is to be sent. */
export interface NewOutboxEntry {
  readonly account: BareJid
  readonly recipient: BareJid
  /** The same key again gives the same id: nothing is sent twice, see {@link Outbox.enqueue}. Unique for each account. */
  readonly key: string
  /** The payload, sealed by the caller: no plaintext at rest. */
  readonly sealed: Uint8Array
  readonly enqueuedAt: Date
}

/** A message taken out to be sent; nobody else gets it until the lease ends. */
export interface Leased extends NewOutboxEntry {
  readonly id: OutboxId
  /** How often it was claimed to be sent, this time included. */
  readonly attempts: number
  /** How many of them ended with a lost connection. */
  readonly lostConnections: number
  /** Give it back to {@link Outbox.settle}: it settles nothing once somebody else has leased the message. */
  readonly lease: string
}

/** What is known of a message in the outbox; never its text. */
export interface OutboxEntry {
  readonly id: OutboxId
  readonly account: BareJid
  readonly recipient: BareJid
  readonly key: string
  readonly enqueuedAt: Date
  readonly state: "waiting" | "leased" | "parked" | "sent"
  /** Why it waits or was parked. */
  readonly because?: string | undefined
  readonly retryAt?: Date | undefined
  readonly attempts: number
  readonly lostConnections: number
  readonly sealedBytes: number
}

/** How an attempt ended. */
export type Settlement =
  /** The server has it (XEP-0198). The sealed bytes stay until {@link Outbox.forgetSent}: the message may still come back. */
  | { readonly kind: "sent"; readonly stanzaId: string; readonly sentAt: Date }
  /** It goes on waiting, first in its recipient's line, for as long as it takes. */
  | {
      readonly kind: "waiting"
      readonly retryAt: Date
      readonly because: string
      readonly connectionLost?: boolean | undefined
      /** It was taken out, and no attempt was made: the claim does not count as one. */
      readonly untried?: boolean | undefined
    }
  /** It is put aside with its reason, and the next one goes. */
  | { readonly kind: "parked"; readonly because: string }

/**
 * Messages that have to leave. Waiting is a state, not a number of tries; nothing goes by age. One recipient's messages
 * leave in the order in which they came: a waiting or leased one holds back those behind it, a parked one does not.
 */
export interface Outbox extends AsyncDisposable {
  /**
   * All or none, durable when it resolves. An entry whose key is known changes nothing and is not kept, with one
   * exception: is the known one parked, it goes back into its place in the line, as by {@link Outbox.unpark}.
   *
   * @returns the id of each entry, in their order
   * @throws {AurochsError} `STORAGE` (nothing is known to have been entered: the same call again is safe), `ABORTED`
   */
  enqueue(entries: readonly NewOutboxEntry[], options?: CallOptions): Promise<OutboxId[]>
  /**
   * Leases the first message of each recipient whose time has come, oldest first; or a run: the first and those that
   * follow it in its line without a gap and whose time has come, too. Whoever has a run sends it in its order, and gives
   * back what stands behind one that has to wait. Nobody gets a message before which another one waits or is leased to
   * somebody else. A lease that ran out (a crash) makes the message claimable again.
   *
   * @param options.leaseMs milliseconds
   * @param options.limit at most so many recipients
   * @param options.perRecipient the longest run, in messages; 1 by default. A run is also at most {@link maxRunBytes}
   *   long, if it has more than one message
   */
  claim(
    options: CallOptions & {
      readonly account: BareJid
      readonly now: Date
      readonly leaseMs: number
      readonly limit: number
      readonly perRecipient?: number | undefined
    },
  ): Promise<Leased[]>
  /**
   * Tells how the attempt ended. The lease counts, not the time: one that ran out while nobody else claimed the message
   * still settles it, because the message may have been sent.
   *
   * @returns `lost`: the lease had run out and somebody else has leased it, or it was dropped or settled; nothing was
   *   changed
   */
  settle(
    leased: { readonly id: OutboxId; readonly lease: string },
    result: Settlement,
    options?: CallOptions,
  ): Promise<"settled" | "lost">
  /**
   * A message that was sent came back with an error: it waits again, in its old place, or is parked.
   *
   * @returns `unknown`: no message with this stanza id was sent, or its sealed bytes are gone
   */
  returned(
    sent: { readonly account: BareJid; readonly stanzaId: string },
    result: Extract<Settlement, { kind: "waiting" | "parked" }>,
    options?: CallOptions,
  ): Promise<"settled" | "unknown">
  /** Deletes the sealed bytes of what was sent before this moment; the keys stay, so nothing is sent twice. */
  forgetSent(account: BareJid, before: Date, options?: CallOptions): Promise<number>
  /** Makes a recipient's waiting messages (or everybody's) claimable at once: a key or the server came back. */
  wake(account: BareJid, options?: CallOptions & { readonly recipient?: BareJid | undefined }): Promise<void>
  /**
   * Ends every lease of the account, so that what a crash left leased can be claimed at once. Only for whom is sure that
   * nobody else works on this outbox: a service after its start.
   *
   * @returns how many there were
   */
  release(account: BareJid, options?: CallOptions): Promise<number>
  /** Puts parked messages back into their places in the line; the number of them. */
  unpark(ids: readonly OutboxId[], options?: CallOptions): Promise<number>
  /** How many messages are neither sent nor parked. */
  waiting(account: BareJid, options?: CallOptions): Promise<number>
  /** Oldest first; what was sent only if asked for. */
  list(
    account: BareJid,
    options?: CallOptions & { readonly includeSent?: boolean | undefined },
  ): AsyncIterable<OutboxEntry>
  /** Forgets messages altogether, their keys too; the number of them. */
  drop(ids: readonly OutboxId[], options?: CallOptions): Promise<number>
}
