import {
  type BareJid,
  type CallOptions,
  type Clock,
  isAurochsError,
  sameBareJid,
  type Transport,
  type XmlElement,
} from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { iq, type PubsubItem, parseDateTime, pubsub } from "@aurochs/xml"

/** What every request of the PEP directory needs. */
export interface PepContext {
  readonly transport: Transport
  readonly provider: CryptoProvider
  readonly clock: Clock
  readonly account: BareJid
  readonly maxKeys: number
  readonly notificationOnly: boolean
}

/** Reads a node's items; the newest one, or undefined if there is none. */
export async function newestItemOf(
  { transport, account }: PepContext,
  owner: BareJid,
  node: string,
  options: CallOptions,
): Promise<PubsubItem | undefined> {
  // XEP-0163 §3: one's own nodes are asked for without an address.
  const to = sameBareJid(owner, account) ? undefined : owner
  const answer = await transport.request(iq({ type: "get", to }, pubsub.items({ node, maxItems: 1 })), {
    signal: options.signal,
  })
  const read = pubsub.readItems(answer)
  return read.node === node ? newest(read.items) : undefined
}

/**
 * The newest of several items (XEP-0373 §4.4, requirement R32). One is asked for; a server that sends more orders them
 * as it likes. If each id is a time (§4.1), the latest counts; else the last one, as Prosody sends the oldest first.
 */
export function newest(items: readonly PubsubItem[]): PubsubItem | undefined {
  const times = items.map(({ id }) => timeOf(id))
  if (times.some((time) => time === undefined)) return items.at(-1)
  const latest = Math.max(...times.filter((time) => time !== undefined))
  return items.findLast((_, i) => times[i] === latest)
}

function timeOf(id: string | undefined): number | undefined {
  if (id === undefined) return undefined
  try {
    return parseDateTime(id).getTime()
  } catch (error) {
    if (isAurochsError(error, "BAD_DATA")) return undefined
    throw error
  }
}

/** Sends a change to one's own PEP service. */
export async function change({ transport }: PepContext, child: XmlElement, options: CallOptions): Promise<void> {
  await transport.request(iq({ type: "set" }, child), { signal: options.signal })
}

/** What a node answers that does not exist or is not for us to see; servers do not let one tell which it is. */
const INVISIBLE: readonly string[] = ["item-not-found", "forbidden", "not-authorized", "not-allowed"]

/** The condition of such an answer; undefined for every other error. */
export function invisibleBecause(error: unknown): string | undefined {
  if (!isAurochsError(error, "STANZA_ERROR")) return undefined
  const { condition } = error.details
  return INVISIBLE.includes(condition) ? condition : undefined
}
