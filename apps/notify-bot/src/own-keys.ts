import { AurochsError, cryptoRandom, type KnownKey, systemClock } from "@aurochs/core"
import type { CryptoProvider, SecretKey } from "@aurochs/crypto"
import { openpgpjs } from "@aurochs/crypto-openpgpjs"
import { type AuthenticatedKeys, authenticatedKeys, loadOwnKeys } from "@aurochs/keys"
import type { Storage } from "@aurochs/storage"
import type { StoreConfig } from "./config.ts"

/** What a command beside the service works with. */
export interface OwnWorld {
  readonly provider: CryptoProvider
  /** Every own key, the newest first: old ones open old messages. */
  readonly keys: readonly SecretKey[]
  /** Undefined: none can be used any more. */
  readonly current: SecretKey | undefined
  /** Contacts' keys, with trust records that nobody else can write. */
  readonly contacts: AuthenticatedKeys
}

/** The passphrase of the configuration, as UTF-8. */
export function passphraseOf({ key }: Pick<StoreConfig, "key">): Uint8Array | "none" {
  return key.passphrase === undefined ? "none" : new TextEncoder().encode(key.passphrase)
}

/**
 * Loads the account's secret keys.
 *
 * @throws {AurochsError} `NO_USABLE_KEY` if there is none, `KEY_LOCKED`/`CANNOT_DECRYPT` for the passphrase
 */
export async function openOwnWorld(config: StoreConfig, storage: Storage): Promise<OwnWorld> {
  const [provider, clock] = [openpgpjs(), systemClock()]
  const { secrets, state } = storage
  const account = config.jid
  const passphrase = () => passphraseOf(config)
  const { keys, current } = await loadOwnKeys({ account, provider, secrets, state, clock, passphrase })
  if (keys.length === 0) {
    const message = `${account} has no key in ${config.storage.folder}: without it neither the archive nor the trust records can be read`
    throw new AurochsError("NO_USABLE_KEY", message, { owner: account, leftOut: [] })
  }
  const own = () => ({ current, all: keys })
  const contacts = authenticatedKeys({
    account,
    keys: storage.keys,
    state,
    provider,
    own,
    clock,
    random: cryptoRandom(),
  })
  return { provider, keys: keys.toReversed(), current, contacts }
}

/** An own key as the sender of what was sent. */
export function knownAsOwn({ jid }: Pick<StoreConfig, "jid">, { certificate }: SecretKey): KnownKey {
  const { fingerprint, bytes } = certificate
  const base = { owner: jid, fingerprint, bytes, firstSeen: new Date(0), source: "own" }
  return { ...base, binds: "account", announced: true, approval: "verified" }
}
