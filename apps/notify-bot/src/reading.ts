import { AurochsError, type Delivery, isAurochsError, type KnownKey } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { type Incoming, open } from "@aurochs/message"
import type { ArchiveEntry, Storage } from "@aurochs/storage"
import type { StoreConfig } from "./config.ts"
import { trustFor } from "./serve.ts"

/** Opens archived messages again with the account's keys. */
export interface Reader {
  /** What the message says, and what is known of it now. */
  read(entry: ArchiveEntry): Promise<Incoming | undefined>
}

/**
 * Loads the account's secret keys.
 *
 * @throws {AurochsError} `NO_USABLE_KEY` if there is none, `KEY_LOCKED`/`CANNOT_DECRYPT` for the passphrase
 */
export async function archiveReader(config: StoreConfig, storage: Storage): Promise<Reader> {
  const provider = openpgpjs()
  const keys = await ownKeys(config, storage, provider)
  if (keys.length === 0) {
    const message = `${config.jid} has no key in ${config.storage.folder}: without it the archive cannot be read`
    throw new AurochsError("NO_USABLE_KEY", message, { owner: config.jid, leftOut: [] })
  }
  return {
    async read(entry) {
      const keysOf = entry.direction === "out" ? keys.map((key) => own(config, key)) : await contacts(storage, entry)
      const stampedAt = entry.stampedAt ?? entry.storedAt
      const delivery: Delivery = {
        stanza: entry.stanza,
        via: entry.direction === "out" ? "carbon-sent" : "mam",
        stampedAt,
        kept: () => {},
      }
      const trust = entry.direction === "out" ? () => OWN : trustFor(config)(entry.peer)
      // Judged as of the time it came, so that an old message stays readable for as long as the key is kept.
      const options = { account: config.jid, provider, decryptWith: keys, keysOf, trust, now: stampedAt }
      const message = await open(delivery, options)
      return entry.verdict?.reason === "replay" ? replayOf(message) : message
    },
  }
}

/** A replay opens as well as the first one did: only who kept what came before could tell, and told so then. */
function replayOf(message: Incoming | undefined): Incoming | undefined {
  if (message?.kind !== "secure") return message
  const { account, peer, direction, via, stanzaId, stampedAt, notes } = message
  return { account, peer, direction, via, stanzaId, stampedAt, notes, kind: "rejected", check: "replay" }
}

const OWN = { use: "encrypt+verify", level: "verified", because: "pinned" } as const

async function ownKeys(config: StoreConfig, storage: Storage, provider: CryptoProvider): Promise<SecretKey[]> {
  const { passphrase } = config.key
  const keys: SecretKey[] = []
  for (const bytes of await storage.secrets.load(config.jid)) {
    try {
      keys.unshift(...(await provider.importSecret(bytes)))
    } catch (error) {
      if (!isAurochsError(error, "KEY_LOCKED") || passphrase === undefined) throw error
      keys.unshift(...(await provider.importSecret(bytes, { passphrase: new TextEncoder().encode(passphrase) })))
    }
  }
  return keys
}

function own(config: StoreConfig, { certificate }: SecretKey): KnownKey {
  const { fingerprint, bytes } = certificate
  const firstSeen = new Date(0)
  return {
    owner: config.jid,
    fingerprint,
    bytes,
    firstSeen,
    source: "own",
    binds: "account",
    announced: true,
    approval: "verified",
  }
}

function contacts(storage: Storage, entry: ArchiveEntry): Promise<KnownKey[]> {
  return Array.fromAsync(storage.keys.keysOf(entry.peer))
}
