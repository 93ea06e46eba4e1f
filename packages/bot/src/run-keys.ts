import type { BareJid, CallOptions, Certificate, Clock } from "@aurochs/core"
import type { ContactKeys, Recipients } from "./contact-keys.ts"
import { type OwnKeys, ownCertificates } from "./own-keys.ts"
import type { Parts } from "./parts.ts"

/** What was read and judged is used for so long, in milliseconds. */
const HOLDS_MS = 1_000

/** The keys for messages to one recipient that are sent together: read and judged once in a while. */
export interface RunKeys {
  recipients(): Promise<Recipients>
  /** What it is encrypted to beside the signing key (R4). */
  alsoTo(): Promise<readonly Certificate[]>
}

/** Nothing is read before somebody asks. */
export function runKeys(
  recipient: BareJid,
  { parts, own, contacts, signal }: CallOptions & { parts: Parts; own: OwnKeys; contacts: ContactKeys },
): RunKeys {
  const { account, provider, clock, trusted } = parts
  return {
    recipients: forAWhile(clock, () => contacts.recipients(recipient, { signal })),
    alsoTo: forAWhile(clock, () =>
      ownCertificates(own, { account, keys: trusted, provider, now: clock.now(), signal }),
    ),
  }
}

function forAWhile<T>(clock: Clock, read: () => Promise<T>): () => Promise<T> {
  let held: { readonly at: number; readonly value: Promise<T> } | undefined
  return () => {
    const at = clock.now().getTime()
    if (held === undefined || at < held.at || at - held.at >= HOLDS_MS) held = { at, value: read() }
    return held.value
  }
}
