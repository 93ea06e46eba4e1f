import type { BareJid, CallOptions, Clock, Fingerprint, KnownKey } from "@aurochs/core"
import type { AuditLog, KeyStore } from "@aurochs/storage"
import { putOver } from "../put-over.ts"
import { isAuthenticated, notKnown } from "./authenticated.ts"

/** What deciding about a key needs. */
export interface DecideOptions extends CallOptions {
  readonly account: BareJid
  readonly owner: BareJid
  readonly fingerprint: Fingerprint
  /** `none` takes back what was said before. */
  readonly approval: KnownKey["approval"]
  /** See `authenticatedKeys`. */
  readonly keys: KeyStore
  /** True: a key that is distrusted stays so. */
  readonly unlessDistrusted?: boolean | undefined
  readonly audit?: AuditLog | undefined
  readonly clock: Clock
  /** How it was decided, for the audit log, e.g. `{ by: "trust-message" }`. */
  readonly detail?: Readonly<Record<string, string>> | undefined
}

const KINDS = { verified: "key-verified", distrusted: "key-distrusted", none: "key-undecided" } as const

/**
 * Writes down what the operator says of a contact's key: that its fingerprint was compared with its owner
 * (`verified`), or that it is never to be used (`distrusted`). Nothing else of the key is changed: neither a certificate
 * that is merged nor a decision that is taken at the same time is lost.
 *
 * @returns the key as it is kept now
 * @throws {AurochsError} `NO_USABLE_KEY` if the owner has no such known key, `STORAGE`, `ABORTED`
 */
export async function decideKey(o: DecideOptions): Promise<KnownKey> {
  const call = { signal: o.signal }
  await keyOf(o)
  // The log first: a line twice is better than a decision without one.
  await note(o, o.approval, o.detail)
  if (isAuthenticated(o.keys))
    await o.keys.decide(o.owner, o.fingerprint, o.approval, { ...call, unlessDistrusted: o.unlessDistrusted })
  else {
    // Others may have merged something into the certificate since.
    const key = await keyOf(o)
    const stays = (stored: KnownKey) => o.unlessDistrusted && stored.approval === "distrusted"
    const decidedOn = (stored: KnownKey) => (stays(stored) ? stored : { ...stored, approval: o.approval })
    if (!stays(key)) await putOver(o.keys, decidedOn(key), key, decidedOn, call)
  }
  const decided = await keyOf(o)
  // Somebody else distrusted it meanwhile: so the log does not end with a decision that was not taken.
  if (decided.approval !== o.approval && o.unlessDistrusted) await note(o, decided.approval, { because: "stays" })
  return decided
}

async function keyOf(o: DecideOptions): Promise<KnownKey> {
  for await (const key of o.keys.keysOf(o.owner, { signal: o.signal }))
    if (key.fingerprint === o.fingerprint) return key
  throw notKnown(o.owner, o.fingerprint)
}

async function note(o: DecideOptions, approval: KnownKey["approval"], detail: DecideOptions["detail"]): Promise<void> {
  const base = { at: o.clock.now(), account: o.account, kind: KINDS[approval], subject: o.owner }
  const event = { ...base, fingerprint: o.fingerprint, ...(detail === undefined ? {} : { detail }) }
  await o.audit?.append(event, { signal: o.signal })
}
