import {
  type AnyAurochsError,
  AurochsError,
  type BareJid,
  bareJid,
  type Clock,
  cryptoRandom,
  type FullJid,
  parseJid,
  type Random,
  systemClock,
} from "@aurochs/core"
import type { StateStore } from "@aurochs/storage"
import { namespaces, publicKeysNode, type XmlLimits } from "@aurochs/xml"

/** What happens on the connection, for a log. Never contains a password or what a message says. */
export type TransportEvent =
  | {
      readonly kind: "connected"
      readonly self: FullJid
      readonly resumed: boolean
      readonly secure: boolean
      /** False: the server has no XEP-0198, `send()` waits for a ping instead. */
      readonly acknowledgements: boolean
    }
  /** The connection failed or was lost; it is tried again after `retryInMs`. */
  | { readonly kind: "disconnected"; readonly error: AnyAurochsError; readonly retryInMs: number }
  /** It will not be tried again. */
  | { readonly kind: "failed"; readonly error: AnyAurochsError }
  /** Something was ignored because its sender may not say it, or because it cannot be read. */
  | { readonly kind: "dropped"; readonly why: DropReason; readonly from?: string | undefined }
  /** The archive was read up to now; `messages` were new. */
  | { readonly kind: "caught-up"; readonly messages: number }
  /** The archive could not be read; it is tried again after `retryInMs`. */
  | { readonly kind: "catch-up-failed"; readonly error: AnyAurochsError; readonly retryInMs: number }

/** Why an incoming stanza was ignored. */
export type DropReason =
  | "forged-carbon"
  | "forged-archive-result"
  | "forged-event"
  | "malformed"
  /** More than `limits` allow. */
  | "beyond-limits"
  | "unexpected-answer"
  | "roster-push"
  /** Nobody takes messages from `messages()`: what comes stays in the server's archive. */
  | "queue-full"

/** How to connect. */
export interface XmppOptions {
  /** Bare, or full to ask for a resource. */
  readonly jid: string
  readonly password: string | (() => string | Promise<string>)
  /** `xmpp://host:port`, `xmpps://…`, `ws://…` or `wss://…`; by default the DNS of the domain is asked (XEP-0368). */
  readonly service?: string | undefined
  /** PEM certificates that are trusted instead of the system's, for `xmpp:` and `xmpps:`. */
  readonly ca?: string | readonly string[] | undefined
  /** Off loopback TLS is always required; `required` says so for loopback, too. */
  readonly tls?: "required-off-loopback" | "required" | undefined
  /** Keeps the archive cursor over restarts; without it a start begins at now. */
  readonly state?: StateStore | undefined
  /** What service discovery says this is: category `client`, type `bot` by default. */
  readonly identity?: { readonly category: string; readonly type: string; readonly name: string } | undefined
  /** Announced features (XEP-0030), besides what the transport itself implements. */
  readonly features?: readonly string[] | undefined
  /** `none`: no presence is sent, so no messages and notifications arrive; to only send. */
  readonly presence?: "available" | "none" | undefined
  /** Requests to see our presence: `ignore` (default) or `accept` and ask back. */
  readonly subscriptions?: "accept" | "ignore" | undefined
  /**
   * What it means if there is no connection at the very first attempt: `retry` (default, for services) or `fail` (for
   * command lines): `sessions()` and everything that waits is rejected.
   */
  readonly firstConnection?: "retry" | "fail" | undefined
  /** How far to reach back into the archive at the very first start, in days; 0 by default. */
  readonly catchUpDays?: number | undefined
  readonly onEvent?: ((event: TransportEvent) => void) | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  /** Bounds on one incoming stanza; one beyond them is dropped. */
  readonly limits?: Partial<XmlLimits> | undefined
  /** A stanza that would be longer is refused by `send()` and `request()`; 262,144 bytes by default. */
  readonly maxStanzaBytes?: number | undefined
  /** For each step of connecting (TCP, TLS, login, binding …), milliseconds; 30,000 by default. */
  readonly stepTimeoutMs?: number | undefined
  /** Silence after which the server is asked for a sign of life, milliseconds; 60,000 by default. */
  readonly keepaliveMs?: number | undefined
  /** How long the server may take to answer that, or to acknowledge a stanza, milliseconds; 30,000 by default. */
  readonly ackTimeoutMs?: number | undefined
  /** First and longest wait before connecting again, milliseconds; 1,000 and 300,000 by default. */
  readonly backoffMs?: { readonly first: number; readonly longest: number } | undefined
}

/** The options with every default filled in. */
export interface Settings {
  readonly account: BareJid
  readonly username: string
  readonly domain: string
  readonly resource: string | undefined
  readonly password: () => string | Promise<string>
  readonly service: string | undefined
  readonly ca: readonly string[] | undefined
  readonly tlsOnLoopback: boolean
  readonly state: StateStore | undefined
  readonly identity: { readonly category: string; readonly type: string; readonly name: string }
  readonly features: readonly string[]
  readonly available: boolean
  readonly acceptSubscriptions: boolean
  readonly failFirst: boolean
  readonly catchUpMs: number
  readonly emit: (event: TransportEvent) => void
  readonly clock: Clock
  readonly random: Random
  readonly limits: Partial<XmlLimits>
  readonly maxStanzaBytes: number
  readonly stepTimeoutMs: number
  readonly keepaliveMs: number
  readonly ackTimeoutMs: number
  readonly backoffMs: { readonly first: number; readonly longest: number }
}

const DAY_MS = 86_400_000

/** What a client that understands XEP-0374 announces (§2.1), and XEP-0380. */
export const defaultFeatures: readonly string[] = [namespaces.openpgpIm, `${publicKeysNode}+notify`, namespaces.eme]

/** @throws {AurochsError} `BAD_DATA` (`jid`), `CONFIGURATION` */
export function settingsOf(options: XmppOptions): Settings {
  const { local, domain, resource } = parseJid(options.jid)
  const { password, onEvent, ca } = options
  return {
    account: bareJid(`${local ?? ""}@${domain}`),
    username: local ?? "",
    domain,
    resource,
    password: typeof password === "function" ? password : () => password,
    service: options.service,
    ca: typeof ca === "string" ? [ca] : ca,
    tlsOnLoopback: options.tls === "required",
    state: options.state,
    identity: options.identity ?? { category: "client", type: "bot", name: "Aurochs" },
    features: options.features ?? defaultFeatures,
    available: options.presence !== "none",
    acceptSubscriptions: options.subscriptions === "accept",
    failFirst: options.firstConnection === "fail",
    catchUpMs: positive("catchUpDays", options.catchUpDays ?? 0, 0) * DAY_MS,
    emit: (event) => {
      try {
        onEvent?.(event)
      } catch {
        // A log that fails must not take the connection with it.
      }
    },
    clock: options.clock ?? systemClock(),
    random: options.random ?? cryptoRandom(),
    limits: options.limits ?? {},
    maxStanzaBytes: positive("maxStanzaBytes", options.maxStanzaBytes ?? 262_144),
    stepTimeoutMs: positive("stepTimeoutMs", options.stepTimeoutMs ?? 30_000),
    keepaliveMs: positive("keepaliveMs", options.keepaliveMs ?? 60_000),
    ackTimeoutMs: positive("ackTimeoutMs", options.ackTimeoutMs ?? 30_000),
    backoffMs: options.backoffMs ?? { first: 1_000, longest: 300_000 },
  }
}

function positive(field: string, value: number, least = 1): number {
  if (Number.isFinite(value) && value >= least) return value
  throw new AurochsError("CONFIGURATION", `${field} must be a number of at least ${least}`, { field })
}
