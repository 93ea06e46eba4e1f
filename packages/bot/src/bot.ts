import type { BareJid, CallOptions, Clock, Fingerprint, KnownKey, Outcome, Random, Transport } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import type { KeyDirectory, OtherSource, Rotated, TrustPolicy } from "@aurochs/keys"
import type { OutboxId, Storage } from "@aurochs/storage"
import type { Allow } from "./allow.ts"
import type {
  CommandContext,
  Context,
  ErrorBoundary,
  Handler,
  Middleware,
  ObserverContext,
  ReplyContext,
} from "./context.ts"
import type { KeyEvent, KeyEventHandler } from "./key-event.ts"
import type { Logger } from "./logger.ts"

/** What a bot is made of. */
export interface BotOptions {
  /** The connection of the bot's account. The bot owns it: see {@link BotOptions.dispose}. */
  readonly transport: Transport
  readonly provider: CryptoProvider
  /** Where everything is kept. The bot owns it: see {@link BotOptions.dispose}. */
  readonly storage: Storage | Promise<Storage>
  /** Where keys are looked up and announced; the accounts' own PEP nodes by default (XEP-0373 §4). */
  readonly directory?: KeyDirectory | undefined
  /**
   * Other sources of keys, none by default: each tells a third party whom the bot talks to. What that means is in the
   * `notice` of each, and in the log when the bot starts. One is asked only for newer copies of keys that are known
   * (revocation, expiry, subkeys), unless `mayBind` lets it name the keys of owners who announce none. One that takes
   * uploads (`upload`) is sent the bot's own key, each new one, and their revocations: for ever.
   */
  readonly sources?: readonly OtherSource[] | undefined
  /** Which keys are used; `blindBeforeVerification()` by default. For one's own account it is always `pinned`. */
  readonly trust?: TrustPolicy | ((peer: BareJid) => TrustPolicy) | undefined
  /** `create` (default): make and announce a key if the account has none anywhere. `require`: refuse to start then. */
  readonly ownKey?: "create" | "require" | undefined
  /** UTF-8 bytes that protect the secret key at rest; `"none"` by default. */
  readonly passphrase?: (() => Uint8Array | "none" | Promise<Uint8Array | "none">) | undefined
  /**
   * `require` (default): nothing ever leaves in plaintext. `opportunistic`: plaintext to a recipient whose directory
   * answered that there is no key, and of whom none was ever known; each such message is marked.
   */
  readonly encryption?: "require" | "opportunistic" | undefined
  /**
   * True: trust messages are sent and honoured (XEP-0434, XEP-0450). What a key that was verified says of its owner's
   * other keys then counts like the operator's own word. False by default.
   */
  readonly trustMessages?: boolean | undefined
  /**
   * What a contact is told, once for each key, when a new key of theirs is quarantined: sealed to the keys that were
   * trusted before. Undefined, by default: nothing.
   */
  readonly keyNotice?: ((event: KeyEvent) => string | undefined) | undefined
  /**
   * True: no other process sends for this account, so what a crash left half-sent is taken up at the start. False (by
   * default): it is taken up when its lease has run out, two minutes after the crash.
   */
  readonly exclusive?: boolean | undefined
  /** What a command starts with; `!` by default. */
  readonly commandPrefix?: string | undefined
  /** Replies to one peer in a minute; 30 by default (attack A31). */
  readonly maxRepliesPerMinute?: number | undefined
  /** Handlers of different peers that run at the same time; 8 by default. Those of one peer run in order. */
  readonly maxConcurrentPeers?: number | undefined
  /** How long running handlers may take to finish after the abort, in milliseconds; 10,000 by default. */
  readonly graceMs?: number | undefined
  /** Does `run` dispose of the transport and the storage when it ends? True by default. */
  readonly dispose?: boolean | undefined
  readonly log?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

/** How a command is guarded. */
export interface CommandOptions {
  /** Anybody whose message is secure, by default. */
  readonly allow?: Allow | undefined
  /** Milliseconds between writing and running; 600,000 (10 minutes) by default. */
  readonly maxAgeMs?: number | undefined
}

/** A message to be sent. */
export interface OutgoingText {
  readonly to: BareJid
  readonly body: string
  /** The same key again gives the same id and sends nothing twice; a random one by default. */
  readonly key?: string | undefined
}

/** A moment's picture, for a health check. */
export interface BotStatus {
  readonly connected: boolean
  /** Undefined until the key is ready. */
  readonly ownKey?: Fingerprint | undefined
  /** Messages in the outbox that are neither sent nor parked. */
  readonly waiting: number
}

/**
 * A bot. Registering changes it; what `use` returns is the same bot with the wider type.
 *
 * @typeParam C what every handler's context has, middleware's additions included
 */
export interface Bot<C extends object = Context> {
  /** Secure messages that have a body and are not a registered command. Several handlers run in their order. */
  text(handler: Handler<C & ReplyContext>): Bot<C>
  /**
   * Secure messages whose body is prefix + name. One that is refused or too old is logged, audited and not answered.
   *
   * @param name without prefix; compared without regard to case
   * @throws {AurochsError} `CONFIGURATION` (`command`): registered before, or it has white space
   */
  command(name: string, handler: Handler<C & CommandContext>): Bot<C>
  command(name: string, options: CommandOptions, handler: Handler<C & CommandContext>): Bot<C>
  /** Every message with this outcome, also what other clients of this account sent. Nothing can be answered here. */
  observe<K extends Outcome>(kind: K, handler: Handler<C & ObserverContext<K>>): Bot<C>
  /** Runs around all handlers, in the order of registration, whenever they were registered. */
  use<Added extends object = Record<never, never>>(middleware: Middleware<C, Added>): Bot<C & Added>
  /** Takes the place of the default error boundary, which logs. The message counts as handled either way. */
  catch(boundary: ErrorBoundary<Context>): Bot<C>
  /** Told of each change of an account's keys, contacts' and one's own. */
  onKeys(handler: KeyEventHandler): Bot<C>
  /** Runs once: the own key is announced and the server is there. */
  onReady(handler: (status: BotStatus) => unknown): Bot<C>
  /**
   * Queues a text; durable when it resolves. It leaves encrypted, as soon as the recipient's keys and the server allow.
   * Before the bot has a key of its own this waits for `run` to make one.
   *
   * @throws {AurochsError} `STORAGE`, `CONFIGURATION`, `ABORTED`
   */
  send(to: BareJid, body: string, options?: CallOptions & { readonly key?: string | undefined }): Promise<OutboxId>
  /** Queues all or none, in one transaction. */
  sendAll(messages: readonly OutgoingText[], options?: CallOptions): Promise<OutboxId[]>
  /**
   * Connects and works until aborted, then stops: nothing more is taken out of the outbox, running handlers may finish.
   * Once only. Ends by disposing of transport and storage.
   *
   * @throws {AurochsError} `AUTHENTICATION`, `CONFIGURATION`, `STORAGE`, `KEY_LOCKED`, `CANNOT_DECRYPT`: what makes
   *   going on pointless; never `ABORTED` and never a passing failure of the network
   */
  run(options?: CallOptions): Promise<void>
  /**
   * Says of a contact's key that its fingerprint was compared with its owner (`verified`), or that it is never to be
   * used (`distrusted`); `none` takes that back. What waits for it goes on. Before the bot is ready this waits.
   *
   * @throws {AurochsError} `NO_USABLE_KEY` if the key is not known, `STORAGE`, `ABORTED`
   */
  trust(owner: BareJid, fingerprint: Fingerprint, approval: KnownKey["approval"], options?: CallOptions): Promise<void>
  /**
   * Begins to use a new key, announced beside the old one and certified by it; see `rotateKey` of `@aurochs/keys`. The
   * bot goes on meanwhile, and retires the old key by itself when the overlap is over.
   *
   * @param options.overlapMs how long both are announced, in milliseconds; 30 days by default
   * @param options.expiresInMs of the new key; never by default
   * @throws {AurochsError} as `rotateKey`: run it again
   */
  rotateKey(
    options?: CallOptions & { readonly overlapMs?: number | undefined; readonly expiresInMs?: number | undefined },
  ): Promise<Rotated>
  /** @throws {AurochsError} `STORAGE`: the outbox could not be asked; `ABORTED` */
  status(options?: CallOptions): Promise<BotStatus>
}
