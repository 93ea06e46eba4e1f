import { AurochsError, type BareJid, type CallOptions, type Clock, type Fingerprint } from "@aurochs/core"
import type { CertificateInfo, CryptoProvider, SecretKey } from "@aurochs/crypto"
import type { SecretStore, StateStore } from "@aurochs/storage"
import type { LeftOut } from "./choose.ts"
import { findUserId, userIdOf } from "./user-id.ts"

/** UTF-8 bytes, or `"none"`: secret keys lie unprotected, and only the file's rights guard them. */
export type Passphrase = Uint8Array | "none"

/** What loading and making own keys needs. */
export interface OwnSecretsOptions extends CallOptions {
  readonly account: BareJid
  readonly provider: CryptoProvider
  readonly secrets: SecretStore
  readonly state: StateStore
  readonly clock: Clock
  /** Asked once; none by default. */
  readonly passphrase?: (() => Passphrase | Promise<Passphrase>) | undefined
}

/**
 * Every secret key of this account, by the time it was made, oldest first, in whatever order they were saved: whoever
 * wants the newest takes the last one. Of several copies of one the one saved last. The caller disposes them.
 *
 * @throws {AurochsError} `KEY_LOCKED`, `CANNOT_DECRYPT` (`bad-passphrase`), `BAD_DATA`, `STORAGE`
 */
export async function loadSecrets(o: OwnSecretsOptions, passphrase: Passphrase): Promise<SecretKey[]> {
  const call = { signal: o.signal, passphrase: passphrase === "none" ? undefined : passphrase }
  const keys = new Map<Fingerprint, SecretKey>()
  try {
    for (const bytes of await o.secrets.load(o.account, { signal: o.signal })) {
      for (const key of await o.provider.importSecret(bytes, call)) {
        await keys.get(key.certificate.fingerprint)?.[Symbol.asyncDispose]()
        keys.set(key.certificate.fingerprint, key)
      }
    }
    const made = new Map<Fingerprint, number>()
    for (const [fingerprint, key] of keys) {
      const { createdAt } = await o.provider.inspect(key.certificate.bytes, { now: o.clock.now(), signal: o.signal })
      made.set(fingerprint, createdAt.getTime())
    }
    return [...keys].toSorted(([a], [b]) => (made.get(a) ?? 0) - (made.get(b) ?? 0)).map(([, key]) => key)
  } catch (error) {
    await disposeAll([...keys.values()])
    throw error
  }
}

/**
 * Makes a key with the one User ID `xmpp:` + account (R53) and saves it. It is not announced yet.
 *
 * @throws {AurochsError} `UNSUPPORTED` (the engine gives no secret key away), `STORAGE`, `BACKEND`
 */
export async function createSecret(o: OwnSecretsOptions, passphrase: Passphrase): Promise<Fingerprint> {
  const { account, provider, signal } = o
  if (provider.secrets === undefined) {
    const text = `${provider.name} does not give secret keys away: make the key with its own tools`
    throw new AurochsError("UNSUPPORTED", text, { feature: "secret key export" })
  }
  const { key, revocation } = await provider.generate({ userId: userIdOf(account) }, { now: o.clock.now(), signal })
  await using _ = key
  const { fingerprint } = key.certificate
  const secret = await provider.secrets.export(key, { passphrase, signal })
  if (revocation !== undefined) await o.state.put(revocationStateKey(account, fingerprint), revocation, { signal })
  await o.secrets.save(account, secret, { signal })
  return fingerprint
}

/** Where the revocation certificate of a key that was made here lies in the state store: binary. */
export function revocationStateKey(account: BareJid, fingerprint: Fingerprint): string {
  return `own-key/revocation/${account}/${fingerprint}`
}

/** Why a certificate cannot be one's own key in use; undefined if it can. */
export function unusableBecause(info: CertificateInfo, account: BareJid, now: Date): LeftOut["because"] | undefined {
  if (info.revokedAt !== undefined) return "revoked"
  if (info.expiresAt !== undefined && info.expiresAt.getTime() <= now.getTime()) return "expired"
  if (findUserId(info, account) === undefined) return "no-user-id"
  if (!info.canSign) return "cannot-sign"
  return info.canEncrypt ? undefined : "cannot-encrypt"
}

/** Forgets handles. */
export async function disposeAll(keys: readonly SecretKey[]): Promise<void> {
  for (const key of keys) await key[Symbol.asyncDispose]()
}
