import {
  AurochsError,
  type BareJid,
  type CallOptions,
  type Clock,
  type Fingerprint,
  type KnownKey,
} from "@aurochs/core"
import type { AuditLog, KeyStore } from "@aurochs/storage"
import { collect } from "../collect.ts"

/** What deciding about a key needs. */
export interface DecideOptions extends CallOptions {
  readonly account: BareJid
  readonly owner: BareJid
  readonly fingerprint: Fingerprint
  /** `none` takes back what was said before. */
  readonly approval: KnownKey["approval"]
  /** See `authenticatedKeys`. */
  readonly keys: KeyStore
  readonly audit?: AuditLog | undefined
  readonly clock: Clock
  /** How it was decided, for the audit log, e.g. `{ by: "trust-message" }`. */
  readonly detail?: Readonly<Record<string, string>> | undefined
}

const KINDS = { verified: "key-verified", distrusted: "key-distrusted", none: "key-undecided" } as const

/**
 * Writes down what the operator says of a contact's key: that its fingerprint was compared with its owner
 * (`verified`), or that it is never to be used (`distrusted`).
 *
 * @returns the key as it is kept now
 * @throws {AurochsError} `NO_USABLE_KEY` if the owner has no such known key, `STORAGE`, `ABORTED`
 */
export async function decideKey(o: DecideOptions): Promise<KnownKey> {
  const known = await collect(o.keys.keysOf(o.owner, { signal: o.signal }))
  const key = known.find((one) => one.fingerprint === o.fingerprint)
  if (key === undefined) {
    const leftOut = [{ fingerprint: o.fingerprint, because: "not-known" }]
    throw new AurochsError("NO_USABLE_KEY", `${o.owner} has no known key ${o.fingerprint}`, { owner: o.owner, leftOut })
  }
  const decided = { ...key, approval: o.approval }
  // The log first: a line twice is better than a decision without one.
  const base = { at: o.clock.now(), account: o.account, kind: KINDS[o.approval], subject: o.owner }
  const event = { ...base, fingerprint: o.fingerprint, ...(o.detail === undefined ? {} : { detail: o.detail }) }
  await o.audit?.append(event, { signal: o.signal })
  await o.keys.put(decided, { signal: o.signal })
  return decided
}
