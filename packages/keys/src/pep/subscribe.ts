import { type BareJid, type CallOptions, isAurochsError } from "@aurochs/core"
import { iq, publicKeysNode, pubsub } from "@aurochs/xml"
import { invisibleBecause, type PepContext } from "./context.ts"

/** XEP-0060 §6.1, with the bare JID: notifications come to every client of the account, and after a reconnection too. */
export async function subscribe(
  { transport, account }: PepContext,
  owner: BareJid,
  options: CallOptions = {},
): Promise<"subscribed" | "nothing-visible"> {
  const child = pubsub.subscribe({ node: publicKeysNode, jid: account })
  try {
    await transport.request(iq({ type: "set", to: owner }, child), { signal: options.signal })
    return "subscribed"
  } catch (error) {
    if (invisibleBecause(error) === undefined) throw error
    return "nothing-visible"
  }
}

/** XEP-0060 §6.2. */
export async function unsubscribe(
  { transport, account }: PepContext,
  owner: BareJid,
  options: CallOptions = {},
): Promise<void> {
  const child = pubsub.unsubscribe({ node: publicKeysNode, jid: account })
  try {
    await transport.request(iq({ type: "set", to: owner }, child), { signal: options.signal })
  } catch (error) {
    const isNone = isAurochsError(error, "STANZA_ERROR") && NO_SUBSCRIPTION.includes(error.details.condition)
    if (!isNone && invisibleBecause(error) === undefined) throw error
  }
}

/** XEP-0060 §6.2.3.2: there is none. */
const NO_SUBSCRIPTION: readonly string[] = ["unexpected-request"]
