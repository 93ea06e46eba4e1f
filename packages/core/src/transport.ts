import type { BareJid, FullJid } from "./brands.ts"
import type { CallOptions } from "./call.ts"
import type { XmlElement } from "./element.ts"
import type { Delivery } from "./vocabulary.ts"

/** One (re)connection. */
export interface Session {
  readonly self: FullJid
  /** XEP-0198 §5: nothing was lost, presence still stands. */
  readonly resumed: boolean
  /** Is the stream protected by TLS? False only on loopback. */
  readonly secure: boolean
}

/** A notification of a PEP node (XEP-0163 §4.3), with or without payload; its origin was checked. */
export interface PepEvent {
  /** The account that owns the node. */
  readonly from: BareJid
  /** The newest `<item/>`, if the notification carries one. */
  readonly item?: XmlElement | undefined
}

/** A connection of one account. It connects when `sessions()` is first iterated or anything is sent, and stays. */
export interface Transport extends AsyncDisposable {
  readonly account: BareJid
  /** One per (re)connection: send presence, catch up, drain the outbox. Ends on abort or disposal; rejects on a permanent failure. */
  sessions(options?: CallOptions): AsyncIterable<Session>
  /**
   * Sends a message or presence; resolves when the server has acknowledged it (XEP-0198 §4). Several may be on their way
   * at once: they leave in the order of the calls, also if they first wait for a session.
   *
   * @throws {AurochsError} `NETWORK` (not acknowledged: it may or may not have arrived), `ABORTED`
   */
  send(stanza: XmlElement, options?: CallOptions): Promise<void>
  /**
   * Sends an IQ and resolves with the answer, which is matched by id and by sender (RFC 6120 §8.1.2.1, §8.2.3).
   *
   * @throws {AurochsError} `STANZA_ERROR`, `NETWORK` (phase `timeout` after `timeoutMs`, 30 s by default), `ABORTED`
   */
  request(iq: XmlElement, options?: CallOptions & { readonly timeoutMs?: number }): Promise<XmlElement>
  /** Incoming messages, in order: live, carbons and archive catch-up. A single consumer. */
  messages(options?: CallOptions): AsyncIterable<Delivery>
  /** Notifications of this PEP node, from any account. */
  events(node: string, options?: CallOptions): AsyncIterable<PepEvent>
  /** Answers IQ requests whose first child is this; undefined lets another handler answer. */
  answer(
    query: { readonly namespace: string; readonly name: string },
    handler: (iq: XmlElement) => Promise<XmlElement | undefined>,
  ): Disposable
  /** Announces a service discovery feature (XEP-0030) until disposed; entity capabilities (XEP-0115) follow. */
  feature(name: string): Disposable
}
