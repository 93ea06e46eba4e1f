import {
  type BareJid,
  type CallOptions,
  type Delivery,
  digestOf,
  isAurochsError,
  type KnownKey,
  throwIfAborted,
} from "@aurochs/core"
import { type Incoming, open, peerOf, type Received, type Secure } from "@aurochs/message"
import { namespaces } from "@aurochs/xml"
import { breathe } from "./breathe.ts"
import { type ContactKeys, unknownSignerRefresh } from "./contact-keys.ts"
import type { Logger } from "./logger.ts"
import { type OwnKeys, ownKnownKeys, ownTrust } from "./own-keys.ts"
import type { Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"
import { limited } from "./time-limit.ts"

/** A lane waits so long for the keys of an unknown signer; others wait behind it. */
const MAX_LOOKUP_MS = 20_000

/** Messages that are opened at the same time. */
const MAX_AT_ONCE = 8

/** What was found in a stanza. */
export type OpenedMessage =
  | { readonly kind: "message"; readonly message: Incoming }
  /** The same stanza was opened before, by another way to us. */
  | { readonly kind: "again"; readonly message: Secure }
  | { readonly kind: "nothing" }

/** What opening works with. */
export interface OpeningOptions extends CallOptions {
  readonly parts: Parts
  readonly own: OwnKeys
  readonly contacts: ContactKeys
  /** May unknown signers' keys be looked up? Not when the keys were read just now. */
  readonly mayRefresh: boolean
  /** The bot is being stopped: no keys are waited for any more. */
  readonly stop: AbortSignal
  /** Takes what strangers can cause; the bot's log by default. */
  readonly inform?: Logger["info"] | undefined
}

/**
 * Opens a stanza: own keys, the sender's keys; if the signer is unknown, the sender's keys are read once and it is
 * opened once more (XEP-0373 §3.2, R18). What is secure is claimed in the seen-set before anybody acts on it.
 *
 * @throws {AurochsError} `STORAGE`, `BACKEND`, `KEY_LOCKED`, `ABORTED`: it could not be tried
 */
export async function openDelivery(delivery: Delivery, options: OpeningOptions): Promise<OpenedMessage> {
  const { parts, mayRefresh } = options
  const sender = peerOf(delivery, parts.account)?.sender
  if (sender === undefined) return { kind: "nothing" }
  const known = keysOfSender(sender, options)
  let received = await openOnce(delivery, sender, options, known)
  if (mayLackKeys(received, parts) && mayRefresh && sender !== parts.account) {
    const isChanged = await tryRefresh(sender, options)
    // Somebody else may have read them since they were looked at here.
    const now = keysOfSender(sender, options)
    if (isChanged || isNewIn(await now, await known)) received = await openOnce(delivery, sender, options, now)
  }
  return judged(received, received?.kind === "secure" ? await stanzaIdentity(delivery) : "", options)
}

/**
 * Opens what arrived together: the keys of each sender are read once, and several are opened at the same time. Claims are made in the order of arrival. Nobody's keys are looked up for it.
 *
 * @returns for each one what {@link openDelivery} would give; undefined if it has to be asked, because a key is missing or
 *   something failed; `unclear`: likewise, and it may have been claimed already
 */
export async function openTogether(
  deliveries: readonly Delivery[],
  options: Omit<OpeningOptions, "mayRefresh">,
): Promise<readonly (OpenedMessage | "unclear" | undefined)[]> {
  const known = new Map<BareJid, Promise<readonly KnownKey[]>>()
  const keysOf = (sender: BareJid) => {
    const keys = known.get(sender) ?? keysOfSender(sender, options)
    known.set(sender, keys)
    return keys
  }
  const openOne = async (delivery: Delivery) => {
    const sender = peerOf(delivery, options.parts.account)?.sender
    if (sender === undefined) return undefined
    const received = await openOnce(delivery, sender, options, keysOf(sender))
    if (received === undefined || mayLackKeys(received, options.parts)) return undefined
    return { received, identity: received.kind === "secure" ? await stanzaIdentity(delivery) : "" }
  }
  const opened: Awaited<ReturnType<typeof openOne>>[] = []
  for (let at = 0; at < deliveries.length; at += MAX_AT_ONCE) {
    const some = deliveries.slice(at, at + MAX_AT_ONCE).map((delivery) => openOne(delivery).catch(() => undefined))
    opened.push(...(await Promise.all(some)))
    await breathe()
  }
  return await Promise.all(
    opened.map((one) => one && judged(one.received, one.identity, options).catch(() => "unclear" as const)),
  )
}

/** May it be that only a key is missing? Some engines cannot tell that from a forgery. */
function mayLackKeys(received: Received | undefined, { provider }: Parts): boolean {
  if (received?.kind === "unverified") return received.reason === "unknown-key" || received.reason === "undetermined"
  return received?.kind === "rejected" && received.check === "signature" && provider.verdicts === "valid-only"
}

/** What is secure is claimed, in the order of the calls; what cannot be told from a replay counts as one. */
async function judged(
  received: Received | undefined,
  identity: string,
  { parts, signal }: Pick<OpeningOptions, "parts" | "signal">,
): Promise<OpenedMessage> {
  if (received === undefined) return { kind: "nothing" }
  const message = forHandlers(received)
  if (message.kind !== "secure") return { kind: "message", message }

  const { replayKey } = received
  const seen = replayKey === undefined ? "elsewhere" : await parts.storage.seen.claim(replayKey, identity, { signal })
  if (seen === "first") return { kind: "message", message }
  if (seen === "same-stanza") return { kind: "again", message }
  const { account, peer, direction, via, stanzaId, stampedAt, notes } = message
  const base = { account, peer, direction, via, stanzaId, stampedAt, notes }
  return { kind: "message", message: { ...base, kind: "rejected", check: "replay" } }
}

async function openOnce(
  delivery: Delivery,
  sender: BareJid,
  options: Omit<OpeningOptions, "mayRefresh">,
  known: Promise<readonly KnownKey[]>,
): Promise<Received | undefined> {
  const { parts, own, signal } = options
  const { account, provider, clock } = parts
  return open(delivery, {
    account,
    provider,
    decryptWith: own.all,
    keysOf: await known,
    trust: sender === account ? ownTrust(own) : parts.trustFor(sender),
    now: clock.now(),
    signal,
  })
}

function keysOfSender(sender: BareJid, options: Omit<OpeningOptions, "mayRefresh">): Promise<readonly KnownKey[]> {
  const { parts, own, contacts, signal } = options
  const { account, trusted } = parts
  return sender === account ? ownKnownKeys(account, own, trusted) : contacts.known(sender, { signal })
}

function isNewIn(now: readonly KnownKey[], before: readonly KnownKey[]): boolean {
  return now.some((key) => !before.some((one) => one.fingerprint === key.fingerprint))
}

/** True: something changed, it is worth another try. */
async function tryRefresh(
  sender: BareJid,
  { parts, contacts, signal, stop, inform }: OpeningOptions,
): Promise<boolean> {
  const work = (bounded: AbortSignal) => contacts.refresh(sender, { ...unknownSignerRefresh, signal: bounded })
  try {
    return (await limited(MAX_LOOKUP_MS, parts.clock, [signal, stop], work)) === "changed"
  } catch (error) {
    throwIfAborted({ signal })
    throwIfAborted({ signal: stop })
    if (isAurochsError(error, "STORAGE") || isAurochsError(error, "BACKEND")) throw error
    // It stays unverified, and is opened again when the keys arrive.
    const tell = inform ?? parts.log.info
    tell("the sender's keys could not be read", { peer: sender, ...describeError(error) })
    return false
  }
}

/**
 * What makes two deliveries the same stanza, whichever way they took: the accounts, the id, and what is inside. Servers
 * add and remove other things on the way through carbons and archives.
 */
export function stanzaIdentity({ stanza }: Pick<Delivery, "stanza">): Promise<string> {
  const { from = "", to = "", id = "" } = stanza.attributes
  const inside = stanza.children.filter((child) => typeof child !== "string" && !ADDED_ON_THE_WAY.has(child.namespace))
  return digestOf("aurochs-stanza", JSON.stringify([bareOf(from), bareOf(to), id, inside]))
}

const ADDED_ON_THE_WAY: ReadonlySet<string> = new Set([namespaces.stanzaId, namespaces.delay])

/** As text: what is no address stays what it is. */
function bareOf(address: string): string {
  const slash = address.indexOf("/")
  return slash === -1 ? address : address.slice(0, slash)
}

/** Without what only the opening itself needs, and without a text nobody is known to have written. */
function forHandlers(received: Received): Incoming {
  const { replayKey: _, ...message } = received
  if (message.kind !== "unverified") return message
  const { unverifiedBody: __, ...rest } = message
  return rest
}
