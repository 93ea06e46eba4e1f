import { UsageError } from "@aurochs/cli-kit"
import { type BareJid, type Fingerprint, fingerprint, isAurochsError, type Transport } from "@aurochs/core"
import { type AuthenticatedKeys, authenticatedKeys, type LifeOptions, pepDirectory, sealAgain } from "@aurochs/keys"
import type { PassphraseOptions } from "./global.ts"
import { judgeOwnKeys, loadKeys, storedProtection } from "./own-keys.ts"
import { type UploadOptions, uploadsOf } from "./uploads.ts"
import type { World } from "./world.ts"

/** What changing the account's own keys needs, over this connection. */
export async function lifeOf(
  world: World,
  account: BareJid,
  options: PassphraseOptions & UploadOptions,
  transport: Transport,
): Promise<LifeOptions> {
  const { storage, provider, clock } = world
  const { secrets, state, audit } = storage
  const passphrase = await storedProtection(world, account, options)
  const directory = pepDirectory({ transport, provider, clock })
  const alsoTo = await uploadsOf(options, world)
  return { account, provider, secrets, state, audit, clock, directory, alsoTo, passphrase: () => passphrase }
}

/**
 * The same world with trust records that nobody else can write. An account without a key has nothing that they could be
 * sealed to: it has no `keys`, and of what is stored then only that a key is distrusted counts when it has one.
 */
export async function trusting(
  world: World,
  account: BareJid,
  options: PassphraseOptions,
): Promise<World & { readonly keys?: AuthenticatedKeys | undefined }> {
  const { storage, provider, clock, random } = world
  const all = await loadKeys(world, account, options)
  if (all.length === 0) return world
  const { current } = await judgeOwnKeys(world, account, all)
  const own = () => ({ current, all })
  const keys = authenticatedKeys({ account, keys: storage.keys, state: storage.state, provider, own, clock, random })
  return { ...world, storage: { ...storage, keys }, keys }
}

/** What is sealed to the account's own key is sealed to the one that is in use now: the old one may be lost, or known. */
export async function sealToKeyInUse(world: World, account: BareJid, options: PassphraseOptions): Promise<void> {
  const { storage, provider, clock, random } = world
  const all = await loadKeys(world, account, options)
  const { current } = await judgeOwnKeys(world, account, all)
  await sealAgain({ account, state: storage.state, provider, own: { current, all }, clock, random })
}

/** @throws {UsageError} */
export function fingerprintArgument(text: string): Fingerprint {
  try {
    return fingerprint(text)
  } catch (error) {
    if (!isAurochsError(error, "BAD_DATA")) throw error
    throw new UsageError(`${text} is no fingerprint: 40 or 64 hex digits are needed.`)
  }
}

/** Days on the command line as milliseconds. */
export function daysArgument(option: string, days: number): number {
  if (!(days > 0 && days < 36_500)) throw new UsageError(`${option} ${days} is no number of days.`)
  return Math.round(days * 86_400_000)
}
