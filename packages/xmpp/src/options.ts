import type { AurochsErrorCode, Clock, Random } from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"
import type { DiscoInfo, XmlLimits } from "@aurochs/xml"

/** What happens on the connection, for logs; never content. */
export type TransportEvent =
  | { readonly kind: "connecting"; readonly service: string }
  | { readonly kind: "online"; readonly resumed: boolean; readonly secure: boolean }
  | { readonly kind: "offline"; readonly code: AurochsErrorCode; readonly message: string }
  | { readonly kind: "retrying"; readonly inMs: number }
  /** A stanza that claimed what its sender may not claim. */
  | { readonly kind: "dropped"; readonly why: string }
  /** Part of the archive could not be read; live messages are not affected. */
  | { readonly kind: "catch-up-failed"; readonly message: string }

/** Settings of the transport; everything but `jid` and `password` has a default. */
export interface XmppOptions {
  /** Bare, or full to ask for a resource. */
  readonly jid: string
  /** Asked for at each login if it is a function. */
  readonly password: string | (() => string | Promise<string>)
  /** `xmpp://HOST:PORT` (STARTTLS), `xmpps://…` (direct TLS), `ws://…`, `wss://…`; by default what DNS says of the domain. */
  readonly service?: string | undefined
  /** Keeps the archive cursor; without it each process starts at now. */
  readonly state?: StateStore | undefined
  /** For service discovery; `client/bot` by default. */
  readonly identity?: DiscoInfo["identities"][number] | undefined
  /** Features announced from the start; by default OX for instant messaging, key list notifications and EME. */
  readonly features?: readonly string[] | undefined
  /** How many days of archive a first start reads; 0 by default: it starts at now. */
  readonly catchUpDays?: number | undefined
  /** `ignore` by default: subscription requests are left to other clients. `accept`: everybody may see our presence. */
  readonly subscriptions?: "accept" | "ignore" | undefined
  /** What a failure of the very first connection means: `retry` (default, for services) or `fail` (for command lines). */
  readonly firstConnection?: "retry" | "fail" | undefined
  /** For connecting, TLS and login together; 20,000 by default. */
  readonly loginTimeoutMs?: number | undefined
  /** A connection that is silent for this long is asked for a sign of life, and given up after as long again; 60,000 by default. */
  readonly keepaliveMs?: number | undefined
  /** Bounds on one incoming stanza. */
  readonly limits?: Partial<XmlLimits> | undefined
  readonly onEvent?: ((event: TransportEvent) => void) | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}
