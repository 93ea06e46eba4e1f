import type { BareJid, Outcome } from "@aurochs/core"
import type { Incoming, Secure } from "@aurochs/message"
import type { ArchiveId, OutboxId } from "@aurochs/storage"
import type { Logger } from "./logger.ts"

/** What middleware and handlers get with every message, whatever became of it. Frozen: middleware adds, never changes. */
export interface Context<M extends Incoming = Incoming> {
  readonly account: BareJid
  readonly message: M
  /** Where the ciphertext lies. */
  readonly archiveId: ArchiveId
  /** Milliseconds since the message was written, or arrived where that is not known; never negative. */
  readonly ageMs: number
  /** `opportunistic`: the operator allows plaintext to recipients that have no key at all. */
  readonly encryption: "require" | "opportunistic"
  /** Names the message in each line; never its text. */
  readonly log: Logger
  /** Aborted when the bot's time to stop has run out; a handler that throws then is run again after the restart. */
  readonly signal: AbortSignal
}

/** A secure message that has a body. */
export type SecureText = Secure & { readonly body: string }

/** What became of a reply. */
export type ReplyResult =
  /** Durable; it leaves by itself. */
  | { readonly kind: "queued"; readonly id: OutboxId }
  /** The loop guard: never to one's own account, and not more than the bound for each peer (attack A31). */
  | { readonly kind: "refused"; readonly because: "own-account" | "too-many-replies" }

/** What only handlers of secure messages have. */
export interface ReplyContext extends Context<SecureText> {
  /**
   * Answers the sender, encrypted or not at all. The nth reply to one message is queued once, even if a crash makes the
   * handler run again.
   *
   * @param body text of the `<body/>` inside
   * @throws {AurochsError} `STORAGE`, `ABORTED`
   */
  reply(body: string): Promise<ReplyResult>
}

/** What a command handler gets. */
export interface CommandContext extends ReplyContext {
  /** Without the prefix. */
  readonly command: string
  /** Words behind the command; "double" and 'single' quotes keep words together. */
  readonly args: readonly string[]
}

/** The context of an observer: there is no reply (attack A30). */
export type ObserverContext<K extends Outcome> = Context<Extract<Incoming, { readonly kind: K }>>

/** Runs for one message; what it returns is awaited and not looked at. */
export type Handler<C> = (ctx: C) => unknown

/** Hands on, once, to the next middleware or the handlers. What is added becomes part of their context. */
export type Next<Added extends object> =
  Record<never, never> extends Added ? (added?: Added) => Promise<void> : (added: Added) => Promise<void>

/** Runs around the handlers. Not calling `next` keeps the message from them. */
export type Middleware<In extends object, Added extends object = Record<never, never>> = (
  ctx: In,
  next: Next<Added>,
) => Promise<void>

/** Gets what a middleware or handler threw. */
export type ErrorBoundary<C> = (error: unknown, ctx: C) => unknown
