import { type BareJid, type CallOptions, type Clock, systemClock, type Transport } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { publicKeysNode } from "@aurochs/xml"
import type { KeyDirectory } from "../directory.ts"
import type { PepContext } from "./context.ts"
import { lookupKeys, SOURCE } from "./lookup.ts"
import { announce, withdraw } from "./publish.ts"
import { subscribe, unsubscribe } from "./subscribe.ts"

/** Options of {@link pepDirectory}. */
export interface PepDirectoryOptions {
  readonly transport: Transport
  /** Reads each certificate, so that its fingerprint can be held against the listed one. */
  readonly provider: CryptoProvider
  /** The machine's clock by default. */
  readonly clock?: Clock | undefined
  /** Whose keys are published; the transport's account by default. */
  readonly account?: BareJid | undefined
  /** So many listed keys are fetched, the others are named as missing; 32 by default. */
  readonly maxKeys?: number | undefined
  /** Ask the server for notifications without payload (XEP-0373 §4.5, R34); true by default. */
  readonly notificationOnly?: boolean | undefined
}

type Pushing = "publish" | "retract" | "changes"

/** A {@link KeyDirectory} that can do everything. */
export interface PepDirectory extends Omit<KeyDirectory, Pushing>, Required<Pick<KeyDirectory, Pushing>> {
  /**
   * Subscribes to an account's key list (XEP-0060 §6.1), so that `changes` hears of it without a presence subscription
   * (with one, the `+notify` of `changes` is enough). The subscription stays until {@link unsubscribe}.
   *
   * @returns `nothing-visible`: there is no list yet, or it is not for us to see
   * @throws {AurochsError} `STANZA_ERROR` (a server without subscriptions answers `feature-not-implemented`), `NETWORK`,
   * `ABORTED`
   */
  subscribe(owner: BareJid, options?: CallOptions): Promise<"subscribed" | "nothing-visible">
  /**
   * Takes the subscription back; none is no error.
   *
   * @throws {AurochsError} `STANZA_ERROR`, `NETWORK`, `ABORTED`
   */
  unsubscribe(owner: BareJid, options?: CallOptions): Promise<void>
}

/**
 * Announces and discovers keys over PEP (XEP-0373 §4, XEP-0163): the one source in which the account itself says which
 * keys are its own.
 *
 * `lookup` reads an account without a list, or with one that is not for us to see, as having nothing; a server without
 * PEP is `STANZA_ERROR` (`service-unavailable`, §4.4, R33), an unreadable list `BAD_DATA`.
 */
export function pepDirectory(o: PepDirectoryOptions): PepDirectory {
  const pep: PepContext = {
    transport: o.transport,
    provider: o.provider,
    clock: o.clock ?? systemClock(),
    account: o.account ?? o.transport.account,
    maxKeys: o.maxKeys ?? 32,
    notificationOnly: o.notificationOnly ?? true,
  }
  return {
    name: SOURCE,
    lookup: (query, options) => lookupKeys(pep, query, options),
    publish: (certificate, options) => announce(pep, certificate, options),
    retract: (fingerprint, options) => withdraw(pep, fingerprint, options),
    changes: (options) => changes(pep, options),
    subscribe: (owner, options) => subscribe(pep, owner, options),
    unsubscribe: (owner, options) => unsubscribe(pep, owner, options),
  }
}

/** Every notification of the list, with payload or without (R35), of a deletion, too: whoever hears it reads again. */
async function* changes({ transport }: PepContext, options: CallOptions = {}): AsyncGenerator<BareJid> {
  for await (const event of transport.events(publicKeysNode, options)) yield event.from
}
