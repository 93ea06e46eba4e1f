import type { BareJid, CallOptions } from "@aurochs/core"
import type { ContactKeys } from "./contact-keys.ts"
import type { Incomings } from "./incoming.ts"
import type { Parts } from "./parts.ts"
import { describeError } from "./retrying.ts"

/** Entries of one peer that are opened again when keys change. */
const MAX_ENTRIES = 200
/** Peers with unverified messages whose keys are read again from time to time. */
const MAX_PEERS = 20
const TEN_MINUTES_MS = 600_000
const DAY_MS = 86_400_000
/** Of so many rounds of ten minutes, one reads keys again. */
const ROUNDS_PER_READING = 6

/** Opens again what could not be verified when it came. */
export interface LateKeys {
  /** Keys of this peer changed. Never throws. */
  changed(peer: BareJid, options?: CallOptions): Promise<void>
  /** From time to time until aborted: messages dated in the future, and signers whose keys were not there. */
  revisit(options?: CallOptions): Promise<void>
}

/** Makes it. */
export function lateKeys(parts: Parts, contacts: ContactKeys, incomings: Incomings): LateKeys {
  const { account, provider, storage, clock, log } = parts

  const changed = async (peer: BareJid, options?: CallOptions) => {
    try {
      const query = { account, peer, outcome: "unverified", limit: MAX_ENTRIES } as const
      for await (const entry of storage.archive.read(query, options)) await incomings.reopen(entry)
      if (provider.verdicts === "full") return
      // Such an engine takes a signature by a key that is not known yet for a forgery.
      const rejected = { ...query, outcome: "rejected", order: "new-first" } as const
      for await (const entry of storage.archive.read(rejected, options)) {
        if (entry.verdict?.reason === "signature") await incomings.reopen(entry)
      }
    } catch (error) {
      if (!options?.signal?.aborted) log.error("unverified messages could not be opened again", describeError(error))
    }
  }

  const dated = async (options?: CallOptions) => {
    const since = new Date(clock.now().getTime() - DAY_MS)
    const query = { account, outcome: "rejected", since, limit: MAX_ENTRIES, order: "new-first" } as const
    for await (const entry of storage.archive.read(query, options)) {
      if (entry.verdict?.reason === "time") await incomings.reopen(entry)
    }
  }

  const unverifiedPeers = async (options?: CallOptions): Promise<BareJid[]> => {
    const since = new Date(clock.now().getTime() - 7 * DAY_MS)
    const query = { account, outcome: "unverified", since, limit: MAX_ENTRIES, order: "new-first" } as const
    const peers = new Set<BareJid>()
    for await (const entry of storage.archive.read(query, options)) {
      peers.add(entry.peer)
      if (peers.size >= MAX_PEERS) break
    }
    return [...peers]
  }

  const readAgain = async (options?: CallOptions) => {
    for (const peer of await unverifiedPeers(options)) {
      if (peer !== account) {
        await contacts.refresh(peer, { ...options, atMostEveryMs: TEN_MINUTES_MS }).catch((error: unknown) => {
          if (!options?.signal?.aborted) log.info("keys could not be read", { peer, ...describeError(error) })
        })
      }
      // Also without a change: the operator may have approved a key.
      await changed(peer, options)
    }
  }

  return {
    changed,
    async revisit(options) {
      for (let round = 0; !options?.signal?.aborted; round++) {
        try {
          if (round % ROUNDS_PER_READING === 0) await readAgain(options)
          await dated(options)
          await clock.sleep(TEN_MINUTES_MS, options)
        } catch (error) {
          if (options?.signal?.aborted) return
          log.error("late keys", describeError(error))
          await clock.sleep(TEN_MINUTES_MS, options).catch(() => {})
        }
      }
    },
  }
}
