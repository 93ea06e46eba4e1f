import type { BareJid, Clock, Random, Transport } from "@aurochs/core"
import type { CryptoProvider } from "@aurochs/crypto"
import { binding, blindBeforeVerification, type KeyDirectory, type OtherSource, type TrustPolicy } from "@aurochs/keys"
import type { AuditEvent, Storage } from "@aurochs/storage"
import type { BotOptions } from "./bot.ts"
import type { Logger } from "./logger.ts"
import type { OutboxKey } from "./outbox-key.ts"
import type { RecentKeys } from "./recent-keys.ts"

/** What every part of a running bot works with: the ports, and nothing that changes. */
export interface Parts {
  readonly account: BareJid
  readonly transport: Transport
  readonly provider: CryptoProvider
  /** Its `keys` are {@link Parts.trusted}. */
  readonly storage: Storage
  /** Keys of contacts with trust records that nobody else can write. */
  readonly trusted: RecentKeys
  /** Where the accounts themselves announce keys. */
  readonly directory: KeyDirectory
  /** What was switched on besides. */
  readonly sources: readonly OtherSource[]
  /** Seals what waits in the outbox. */
  readonly outboxKey: OutboxKey
  /** The policy for a contact; for one's own account use the one of `OwnKeys`. */
  readonly trustFor: (peer: BareJid) => TrustPolicy
  readonly encryption: "require" | "opportunistic"
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
}

/**
 * Makes one function of both forms of the option. A policy that is given an address instead of a key answers with a
 * decision or throws, and is pure: so asking once tells which form it is.
 */
export function trustForPeer(trust: BotOptions["trust"]): (peer: BareJid) => TrustPolicy {
  if (trust === undefined) {
    const byDefault = blindBeforeVerification()
    return () => byDefault
  }
  return (peer) => {
    let made: unknown
    try {
      made = (trust as (peer: BareJid) => unknown)(peer)
    } catch {
      made = undefined
    }
    return typeof made === "function" ? (made as TrustPolicy) : (trust as TrustPolicy)
  }
}

/** The policies, where sources besides PEP may bind keys. */
export function trustForSources(
  trustFor: (peer: BareJid) => TrustPolicy,
  sources: readonly OtherSource[],
): (peer: BareJid) => TrustPolicy {
  const binds = sources.flatMap(({ directory: { proves }, mayBind }) => (mayBind && proves ? [proves] : []))
  return binds.length === 0 ? trustFor : (peer) => binding(trustFor(peer), binds)
}

/** Writes an event to the audit log with time and account. */
export function audit(
  parts: Pick<Parts, "account" | "storage" | "clock">,
  event: Omit<AuditEvent, "at" | "account">,
): Promise<void> {
  return parts.storage.audit.append({ at: parts.clock.now(), account: parts.account, ...event })
}
