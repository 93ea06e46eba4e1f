import { type Delivery, type Fingerprint, type KnownKey, systemClock, type TrustDecision } from "@aurochs/core"
import { judgeKeys, pinned, type TrustPolicy } from "@aurochs/keys"
import { type Incoming, open } from "@aurochs/message"
import type { ArchiveEntry, Storage } from "@aurochs/storage"
import type { StoreConfig } from "./config.ts"
import { knownAsOwn, openOwnWorld } from "./own-keys.ts"
import { trustFor } from "./trust-for.ts"

/** A key that a message has to do with, as it is known today. */
export interface KeyNow {
  readonly fingerprint: Fingerprint
  readonly state: "valid" | "expired" | "revoked"
  /** Since when it is expired or revoked. */
  readonly since?: Date | undefined
  /** What the policy would say of it today. */
  readonly decision: TrustDecision
}

/** An archived message, opened again. */
export interface ReadEntry {
  /** What the message says; judged as of the time it came. Undefined: it carries none. */
  readonly message: Incoming | undefined
  /** The key that signed it. */
  readonly signer?: KeyNow | undefined
  /** The own key that opened it. */
  readonly openedWith?: KeyNow | undefined
}

/** Opens archived messages again with the account's keys. */
export interface Reader {
  /** What the message says, and what is known of its keys now. */
  read(entry: ArchiveEntry): Promise<ReadEntry>
}

/**
 * Loads the account's secret keys, old ones too: what they opened once they open again, after rotation, expiry and
 * revocation.
 *
 * @throws {AurochsError} `NO_USABLE_KEY` if there is none, `KEY_LOCKED`/`CANNOT_DECRYPT` for the passphrase
 */
export async function archiveReader(config: StoreConfig, storage: Storage): Promise<Reader> {
  const { provider, keys, contacts } = await openOwnWorld(config, storage)
  const own = keys.map((key) => knownAsOwn(config, key))
  const ownTrust = pinned(own.map((key) => key.fingerprint))

  const now = async (print: Fingerprint | undefined, known: readonly KnownKey[], trust: TrustPolicy) => {
    const [owner] = known.filter((key) => key.fingerprint === print).map((key) => key.owner)
    if (owner === undefined) return undefined
    const judged = await judgeKeys({ owner, known, provider, trust, now: systemClock().now() })
    const found = judged.find(({ key }) => key.fingerprint === print)
    return found && keyNow(found.key.fingerprint, found)
  }

  return {
    async read(entry) {
      const sent = entry.direction === "out"
      const keysOf = sent ? own : await Array.fromAsync(contacts.keysOf(entry.peer))
      const stampedAt = entry.stampedAt ?? entry.storedAt
      const delivery: Delivery = {
        stanza: entry.stanza,
        via: sent ? "carbon-sent" : "mam",
        stampedAt,
        kept: () => {},
      }
      const trust = sent ? ownTrust : trustFor(config)(entry.peer)
      // Judged as of the time it came, so that an old message stays readable for as long as the key is kept.
      const options = { account: config.jid, provider, decryptWith: keys, keysOf, trust, now: stampedAt }
      const opened = await open(delivery, options)
      const message = entry.verdict?.reason === "replay" ? replayOf(opened) : opened
      if (message?.kind !== "secure") return { message }
      return {
        message,
        signer: await now(message.signedBy, keysOf, trust),
        openedWith: await now(message.openedWith, own, ownTrust),
      }
    },
  }
}

function keyNow(fingerprint: Fingerprint, { info, decision }: Awaited<ReturnType<typeof judgeKeys>>[number]): KeyNow {
  if (info.revokedAt !== undefined) return { fingerprint, state: "revoked", since: info.revokedAt, decision }
  const { expiresAt } = info
  if (expiresAt !== undefined && expiresAt.getTime() <= systemClock().now().getTime()) {
    return { fingerprint, state: "expired", since: expiresAt, decision }
  }
  return { fingerprint, state: "valid", decision }
}

/** A replay opens as well as the first one did: only who kept what came before could tell, and told so then. */
function replayOf(message: Incoming | undefined): Incoming | undefined {
  if (message?.kind !== "secure") return message
  const { account, peer, direction, via, stanzaId, stampedAt, notes } = message
  return { account, peer, direction, via, stanzaId, stampedAt, notes, kind: "rejected", check: "replay" }
}
