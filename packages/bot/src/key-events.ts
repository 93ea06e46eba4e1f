import type { BareJid, CallOptions, TrustDecision } from "@aurochs/core"
import { type JudgedKey, judgeKeys, type Refreshed } from "@aurochs/keys"
import type { KeyEvent, KeyEventHandler } from "./key-event.ts"
import type { Outgoing } from "./outgoing.ts"
import { audit, type Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"

/** The events of one reading. */
export async function keyEventsOf(
  parts: Parts,
  owner: BareJid,
  { known, changed }: Pick<Refreshed, "known" | "changed">,
  options?: CallOptions,
): Promise<{ readonly events: readonly KeyEvent[]; readonly judged: readonly JudgedKey[] }> {
  if (changed.length === 0) return { events: [], judged: [] }
  const { provider, clock } = parts
  const now = clock.now()
  const judged = await judgeKeys({ owner, known, provider, trust: parts.trustFor(owner), now, signal: options?.signal })
  const events = changed.map(({ kind, fingerprint }): KeyEvent => {
    const decision = judged.find(({ key }) => key.fingerprint === fingerprint)?.decision
    return { owner, fingerprint, kind: kind === "key-new" ? newKind(decision) : kind, decision }
  })
  return { events, judged }
}

function newKind(decision: TrustDecision | undefined): KeyEvent["kind"] {
  if (decision?.because === "certified") return "key-introduced"
  return decision?.use === "never" && decision.because === "new-key" ? "key-quarantined" : "key-new"
}

/** What telling of events needs. */
export interface TellOptions extends CallOptions {
  readonly handlers: readonly KeyEventHandler[]
  readonly outgoing: Outgoing
  readonly notice?: ((event: KeyEvent) => string | undefined) | undefined
}

/** Tells the operator, and the owner of a quarantined key once, sealed to the keys that were trusted before. */
export async function tellKeyEvents(
  parts: Parts,
  events: readonly KeyEvent[],
  judged: readonly JudgedKey[],
  o: TellOptions,
): Promise<void> {
  for (const event of events) {
    const { owner, fingerprint, kind, decision } = event
    const fields = { owner, fingerprint, because: decision?.because }
    if (kind === "key-introduced") parts.log.info("a contact changed keys: the old one vouches for the new one", fields)
    if (kind === "key-quarantined") {
      parts.log.warn("a contact has a new key that nobody vouches for; it is not used until it is approved", fields)
      await audit(parts, { kind, subject: owner, fingerprint })
      if (judged.some((one) => one.decision.use === "encrypt+verify")) await sendNotice(event, o)
    }
    for (const handler of o.handlers) {
      try {
        await handler(event)
      } catch (error) {
        parts.log.error("a handler of key events failed", describeError(error))
      }
    }
  }
}

async function sendNotice(event: KeyEvent, { outgoing, notice, signal }: TellOptions): Promise<void> {
  const body = notice?.(event)
  if (body === undefined) return
  // The same key again sends nothing twice.
  const key = `key-notice:${event.owner}:${event.fingerprint}`
  await outgoing.enqueue([{ to: event.owner, body, key, encryptedOnly: true }], { signal })
}
